"""A version as pages show it: the text set as a document, and two versions side by side."""

from collections.abc import Sequence

from registry.kernel import page_parts as show
from registry.licenses import changes, comparison, structure
from registry.licenses.domain import Policy, Version
from registry.licenses.texts import decode, exact_digest

_SAID = {
    comparison.RowKind.MINOR: "wording",
    comparison.RowKind.CHANGED: "changed",
    comparison.RowKind.ADDED: "new",
    comparison.RowKind.REMOVED: "removed",
    comparison.RowKind.MOVED: "moved",
}


def document_text(version: Version) -> show.DocumentText:
    """Return the whole text of a version as a document."""
    return _document(version.text, title=version.name, sha256=version.sha256, language=version.language)


def policy_text(policy: Policy) -> show.DocumentText | None:
    """Return the text of an included policy, if the registry keeps it."""
    if policy.text is None:
        return None
    sha256 = policy.sha256 or exact_digest(policy.text)
    return _document(policy.text, title=policy.title, sha256=sha256, language="en")


def difference(old: Version, new: Version) -> show.Difference:
    """Return two versions side by side, clause by clause."""
    compared = comparison.compare(structure.parse(decode(old.text)), structure.parse(decode(new.text)))
    counted = changes.count_changes(compared).counted
    return show.Difference(
        old_label=old.name,
        new_label=new.name,
        rows=[_row(row) for row in compared.rows],
        summary=f"Clauses: {counted}; the others are the same." if counted else "No clause differs.",
        language=new.language,
    )


def _document(text: bytes, *, title: str, sha256: str, language: str) -> show.DocumentText:
    parsed = structure.parse(decode(text))
    clauses: list[show.Clause] = []
    contents: list[show.ContentsPart] = []
    for part in parsed.parts:
        if part.heading:
            clauses.append(
                show.Clause(
                    kind=show.ClauseKind.PART,
                    id=part.id,
                    heading=structure.plain(" — ".join(filter(None, (part.heading, part.subheading)))),
                )
            )
        clauses.extend(_clause(clause) for clause in part.clauses)
        entries = [
            show.ContentsEntry(id=clause.id, title=structure.plain(clause.heading), number=clause.mark)
            for clause in part.clauses
            if clause.kind is structure.ClauseKind.CLAUSE and clause.depth == 0 and clause.heading
        ]
        if part.heading or entries:
            contents.append(
                show.ContentsPart(
                    entries=entries,
                    id=part.id if part.heading else None,
                    title=structure.plain(part.heading) or None,
                )
            )
    return show.DocumentText(
        title=parsed.title or title,
        clauses=[clause for clause in clauses if clause.heading or clause.paragraphs or clause.number],
        contents=contents,
        sha256=sha256,
        size=len(text),
        words=parsed.word_count,
        minutes=parsed.reading_minutes,
        language=language,
        language_name=show.language_name(language),
    )


def _clause(clause: structure.Clause) -> show.Clause:
    if clause.kind is structure.ClauseKind.TITLE:
        # The document's own title heads it; it is not repeated among the clauses.
        return show.Clause(kind=show.ClauseKind.TEXT, id=clause.id, paragraphs=clause.paragraphs)
    kind = {
        structure.ClauseKind.PARAGRAPH: show.ClauseKind.TEXT,
        structure.ClauseKind.RULE: show.ClauseKind.TEXT,
    }.get(clause.kind, show.ClauseKind.SUB if clause.depth else show.ClauseKind.CLAUSE)
    return show.Clause(
        kind=kind,
        id=clause.id,
        number=clause.mark or None,
        heading=structure.plain(clause.heading) or None,
        paragraphs=[structure.plain(paragraph) for paragraph in clause.paragraphs],
    )


def _row(row: comparison.Row) -> show.DifferenceRow:
    if row.kind is comparison.RowKind.UNCHANGED:
        if row.count == 1:
            return show.DifferenceRow(same=f"{row.first_label}: the same")
        return show.DifferenceRow(
            same=f"{row.first_label} to {row.last_label}: {row.count} clauses, the same"
        )
    return show.DifferenceRow(
        clause=row.new_label or row.old_label or "",
        said=_SAID[row.kind],
        old=_spans(row.old, show.SpanKind.DELETE),
        new=_spans(row.new, show.SpanKind.INSERT),
    )


def _spans(segments: Sequence[comparison.Segment], marked: show.SpanKind) -> list[show.DifferenceSpan]:
    """Return the runs of words with the spaces between them, which belong to what stays."""
    spans: list[show.DifferenceSpan] = []
    for segment in segments:
        if spans:
            spans.append(show.DifferenceSpan(text=" "))
        kind = marked if segment.is_marked else show.SpanKind.KEEP
        spans.append(show.DifferenceSpan(text=segment.text, kind=kind))
    return spans
