"""An invented license, written for these samples, as the reader is given it."""

from frontend_samples.shared import digest
from registry.kernel.page_parts import (
    Clause,
    ClauseKind,
    ContentsEntry,
    ContentsPart,
    Difference,
    DifferenceRow,
    DifferenceSpan,
    DocumentText,
    MarginNote,
    SpanKind,
)

TITLE = "Kelp Forest OpenRAIL-M"

_DEFINITIONS = (
    ("Weights", "means the numbers in the released files, in whatever format they are stored or loaded."),
    ("Derivative", "means weights obtained by training, merging, quantising or distilling the Weights."),
    ("Use", "means running the Weights, training on what they produce, or offering either to others."),
)
_GRANTS = (
    ("Copying.", "You may copy, store and pass on the Weights, for pay or without, under these terms."),
    (
        "Changing.",
        (
            "You may make Derivatives and choose the terms of what you add, as long as every person"
            " who receives a Derivative is held to Attachment A in words that can be enforced."
        ),
    ),
)
_DUTIES = (
    ("Terms travel.", "Whoever receives the Weights or a Derivative from you receives this text with them."),
    (
        "Say what changed.",
        "You state in the card of a Derivative what was changed, with which data, and when.",
    ),
)
_USES = (
    ("a", "to help anybody break a law that protects people from violence;", "Violence", "legality"),
    ("b", "to find, groom or depict a child for a sexual purpose;", "Child safety", "child safety"),
    ("c", "to write software whose purpose is to damage a computer that is not yours;", "Malware", "cyber"),
    ("d", "to decide alone about a person’s job, credit, home or benefits;", "Automated decisions", "decisions"),
    ("e", "to pass the output off as the words of a living person who has not agreed;", "Impersonation",
     "deception"),
)  # fmt: skip


def _clauses(*, noted: bool) -> list[Clause]:
    def note(title: str, text: str) -> MarginNote | None:
        return MarginNote(title=title, text=text) if noted else None

    part, clause, sub = ClauseKind.PART, ClauseKind.CLAUSE, ClauseKind.SUB
    made = [
        Clause(kind=part, id="section-1", heading="Part one: words and grants"),
        Clause(
            kind=ClauseKind.TEXT,
            paragraphs=(
                (
                    "These terms let you use, change and share the weights of a model. They ask you to leave out a"
                    " small number of uses, and to hand the same condition on to everybody you share with."
                ),
            ),
        ),
        Clause(
            kind=clause, id="c-1", number="1", heading="Words", note=note("Definitions", "of three words")
        ),
    ]
    for letter, (word, meaning) in zip("abc", _DEFINITIONS, strict=True):
        made.append(
            Clause(kind=sub, id=f"c-1-{letter}", number=f"{letter}.", paragraphs=(f"“{word}” {meaning}",))
        )
    for number, (heading, text) in enumerate(_GRANTS, start=2):
        made.append(
            Clause(kind=clause, id=f"c-{number}", number=str(number), heading=heading, paragraphs=(text,),
                   note=note("Permission", heading))
        )  # fmt: skip
    made.append(Clause(kind=part, id="section-2", heading="Part two: duties"))
    for number, (heading, text) in enumerate(_DUTIES, start=4):
        made.append(
            Clause(kind=clause, id=f"c-{number}", number=str(number), heading=heading, paragraphs=(text, text),
                   note=note("Duty", "passes on"))
        )  # fmt: skip
    made.append(Clause(kind=part, id="attachment-a", heading="Attachment A: uses that are left out"))
    for letter, text, short, group in _USES:
        made.append(
            Clause(
                kind=clause,
                id=f"a-{letter}",
                number=f"({letter})",
                paragraphs=(text,),
                note=note(short, group),
            )
        )
    return made


def text(number: str = "1.1", *, noted: bool = False) -> DocumentText:
    return DocumentText(
        title=f"{TITLE} {number}",
        clauses=_clauses(noted=noted),
        contents=[
            ContentsPart(
                id="section-1",
                title="Part one: words and grants",
                entries=[ContentsEntry(id="c-1", number="1", title="Words"),
                         ContentsEntry(id="c-2", number="2", title="Copying"),
                         ContentsEntry(id="c-3", number="3", title="Changing")],
            ),
            ContentsPart(
                id="section-2",
                title="Part two: duties",
                entries=[ContentsEntry(id="c-4", number="4", title="Terms travel"),
                         ContentsEntry(id="c-5", number="5", title="Say what changed", changed=True)],
            ),
            ContentsPart(
                id="attachment-a",
                title="Attachment A: uses that are left out",
                entries=[ContentsEntry(id=f"a-{letter}", number=f"({letter})", title=short)
                         for letter, _, short, _ in _USES],
            ),
        ],
        sha256=digest(f"text {number}"),
        size=11_482,
        words=1_874,
        minutes=9,
    )  # fmt: skip


def plain_text() -> DocumentText:
    """Give a text without numbers or parts, in a right-to-left language."""
    paragraphs = ("يجوز لك استخدام النموذج ومشاركته وفق هذه الشروط.", "لا يجوز استخدامه لإيذاء الناس.")
    return DocumentText(
        title="شروط استخدام النموذج",
        clauses=[Clause(kind=ClauseKind.TEXT, paragraphs=(line,)) for line in paragraphs],
        contents=(),
        sha256=digest("plain"),
        size=214,
        words=17,
        minutes=1,
        language="ar",
        language_name="Arabic",
        direction="rtl",
    )


def policy_text() -> DocumentText:
    return DocumentText(
        title="Kelp Forest acceptable use policy",
        clauses=[Clause(kind=ClauseKind.TEXT, paragraphs=("Do not use our models to deceive voters.",))],
        contents=(),
        sha256=digest("policy"),
        size=1,
        words=1,
        minutes=1,
    )


def difference() -> Difference:
    keep, gone, new = SpanKind.KEEP, SpanKind.DELETE, SpanKind.INSERT
    return Difference(
        old_label="Version 1.0",
        new_label="Version 1.1",
        old_detail="superseded, 4 June 2026",
        new_detail="in force, 1 March 2027",
        summary="One clause is new, one is changed in substance, one in wording only.",
        rows=[
            DifferenceRow(same="Clauses 1 to 4 are unchanged."),
            DifferenceRow(
                clause="5",
                said="changed",
                old=[DifferenceSpan(text="You state in the card of a Derivative what was changed.")],
                new=[
                    DifferenceSpan(text="You state in the card of a Derivative what was changed", kind=keep),
                    DifferenceSpan(text=", with which data, and when", kind=new),
                    DifferenceSpan(text="."),
                ],
            ),
            DifferenceRow(same="A (a) to A (c) are unchanged."),
            DifferenceRow(
                clause="A (d)",
                said="wording",
                old=[DifferenceSpan(text="to decide "), DifferenceSpan(text="solely", kind=gone)],
                new=[DifferenceSpan(text="to decide "), DifferenceSpan(text="alone", kind=new)],
            ),
            DifferenceRow(
                clause="A (e)",
                said="new",
                new=[
                    DifferenceSpan(text="to pass the output off as the words of a living person;", kind=new)
                ],
            ),
        ],
    )
