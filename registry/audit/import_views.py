"""What the pages about imports show."""

from collections.abc import Sequence
from types import SimpleNamespace
from urllib.parse import quote

from registry.acceptances import ModelImports
from registry.acceptances.report_staging import REPORT_MAX_BYTES, SentReport
from registry.audit.reading import COUNTED_MOST
from registry.kernel.page_parts import Badge, Notice, Option, Shape, Tone


def imports_view(
    head: SimpleNamespace,
    models: Sequence[str],
    imported: Sequence[ModelImports],
    reports: Sequence[SentReport],
    *,
    notice: Notice | None,
) -> SimpleNamespace:
    """Return the page of all imports of a publisher."""
    here = f"/manage/{quote(head.name)}/imports"
    return SimpleNamespace(
        publisher=head,
        notice=notice,
        models=[Option(value=name, label=name) for name in models],
        most=f"{REPORT_MAX_BYTES >> 20} MB",
        progress=[_progress(one) for one in imported],
        reports=[
            SimpleNamespace(
                model=one.model,
                sent_at=one.sent_at,
                people=counted(one.preview.added),
                state=_state(one),
                url=f"{here}/{one.id}",
            )
            for one in reports
        ],
        export_url=f"/api/v1/audit/imports?publisher={quote(head.name)}&format=csv" if imported else None,
        post_url=here,
        invite_url=f"{here}/invitations",
    )


def _progress(one: ModelImports) -> SimpleNamespace:
    ever, upgraded = one.figures.ever, one.figures.upgraded
    return SimpleNamespace(
        model=one.model,
        says=f"{counted(upgraded)} of {counted(ever)} {'has' if upgraded == 1 else 'have'} accepted properly",
        value=min(upgraded, ever),
        ever=ever,
        erased=counted(one.figures.erased),
        invited=counted(one.invited),
        never_asked=counted(one.never_asked) if one.never_asked else None,
    )


def report_view(head: SimpleNamespace, report: SentReport) -> SimpleNamespace:
    """Return the page of one report: before it is confirmed, while it is imported, and afterwards."""
    preview, done = report.preview, report.done
    here = f"/manage/{quote(head.name)}/imports"
    went = done.added + done.known + done.forgotten
    expected = preview.added + preview.known + preview.forgotten
    is_open = report.confirmed_at is None
    return SimpleNamespace(
        publisher=head,
        model=report.model,
        sent_at=report.sent_at,
        state=_state(report),
        phase="preview" if is_open else "running" if report.finished_at is None else "done",
        finished_at=report.finished_at,
        went=went,
        expected=max(expected, 1),
        said=f"{went:,} of {expected:,} people are looked at",
        figures=_figures(report),
        remarks=[SimpleNamespace(line=f"{line:,}", text=text) for line, text in preview.remarks],
        unit="Entry" if report.counts_entries else "Line",
        more=_more(report),
        people=preview.added,
        invite=report.invite,
        post_url=f"{here}/{report.id}",
        back_url=here,
    )


def _figures(report: SentReport) -> Sequence[SimpleNamespace]:
    preview, done = report.preview, report.done
    is_open = report.confirmed_at is None
    added, known, linked, forgotten = (
        (preview.added, preview.known, preview.linked, preview.forgotten)
        if is_open
        else (done.added, done.known, done.linked, done.forgotten)
    )
    rows = [
        ("Will be imported" if is_open else "Imported", added, "grade C, which text is not known"),
        ("Have accepted here properly", linked, "of those; they are linked to it, and not written to"),
        ("On record already", known, "for this model; nothing changes for them"),
        ("Repeated in the report", preview.repeated, "each person is recorded once"),
        ("Have not accepted", preview.not_accepted, "the report says pending, rejected or the like"),
        ("Cannot be read", preview.wrong, "left out; the lines are named below"),
        ("Had their data deleted", forgotten, "left out, and not imported again"),
    ]
    return [
        SimpleNamespace(label=label, value=f"{count:,}", detail=detail)
        for place, (label, count, detail) in enumerate(rows)
        if count or not place
    ]


def _more(report: SentReport) -> str | None:
    """Return what is said where not every line is named."""
    hidden = report.preview.repeated + report.preview.wrong - len(report.preview.remarks)
    return f"{hidden:,} more lines are left out for the same kinds of reasons." if hidden > 0 else None


def _state(report: SentReport) -> Badge:
    if report.finished_at is not None:
        return Badge(word="Imported", shape=Shape.DONE, tone=Tone.OK)
    if report.confirmed_at is not None:
        return Badge(word="Being imported", shape=Shape.WAITING, tone=Tone.WAIT)
    return Badge(word="To be confirmed", shape=Shape.TODO, tone=Tone.TODO)


def counted(number: int) -> str:
    """Return a count in words; beyond the limit that it is counted to it says no more than that."""
    return f"over {COUNTED_MOST:,}" if number > COUNTED_MOST else f"{number:,}"
