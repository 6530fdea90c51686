r"""License texts as bytes: reading hostile input, the exact digest and the normalised digest.

The bytes that were published are kept for ever and are never rewritten. What is refused is refused
before publication; what is accepted is stored as it came (a byte order mark and CRLF included).

The normalised digest, version ``n1``, answers "are these the same words in another layout?". It is made so:

1.  Decode UTF-8, drop a byte order mark and characters that show nothing (soft hyphen, zero width).
2.  Apply Unicode NFKC (folds no-break spaces, ligatures and full-width forms).
3.  Straighten typographic quotes, write every dash as ``-``, delete the Markdown marks ``* _ ` # ~ \``.
4.  Split at white space. Drop tokens made of nothing but bullet and rule characters (``- + = | > • …``).
5.  Drop list marks: ``(a)``, ``a)``, ``a.``, ``1.``, ``1)``, ``(1)``, ``5.1.``, ``iv.``, ``(iv)`` as tokens of their own,
    and ``1.`` or ``(a)`` glued to the capital or the quote that follows. Such a token is a word and stays
    - after a word of reference or measure (``Section 5.``, ``Attachment A.``, ``more than 2.``, ``thirty (30)``),
    - after ``and``, ``or``, ``to`` that joins it to a number (``Sections 5 and 8.``),
    - where the word before and the number stand together elsewhere without the dot (``Llama 2.``),
    - where its bracket closes one that the word before has opened (``(see b)``).
6.  Join what is left without any white space, encode as UTF-8, SHA-256, write ``n1:<64 hex>``.

Steps 4 and 5 look at tokens only, never at lines, so line wraps cannot change the result. Letter case and
punctuation inside sentences count: a capital makes a defined term, a comma can change what a clause says.
None of the real license texts that were looked at needs them folded to be told apart or recognised.
A later change of any step is a new version (``n2``); stored ``n1`` digests stay as they are.
"""

import hashlib
import itertools
import re
import unicodedata

from registry.kernel.outcomes import Refusal, Remedy

TEXT_MAX_BYTES = 1024 * 1024
"""The longest real agreement seen has 20 kB; a megabyte leaves room and bounds all later work."""

TEXT_MAX_LINES = 20_000
"""Lines become clauses; the longest real agreement seen has 400 lines."""

NORMALISATION = "n1"

_NORMALISED = re.compile(r"n1:[0-9a-f]{64}\Z")

# Left-to-right and right-to-left overrides, embeddings and isolates make a text show other words than
# its bytes hold (CVE-2021-42574); tag characters (U+E0000 block) hide text altogether.
_DECEPTIVE = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")

_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_STRAIGHT = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("*_`#~\\", ""),
    }
)
_RULE = re.compile(r"[-+=|>\u2022\u2023\u2043\u204c\u25aa\u25ab\u25cb\u25cf\u25e6\u00b7]+\Z")

# Roman numerals to thirty-nine, strictly formed: `ill.` and `mix.` are words.
_ROMAN = r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})"
_NUMBER = r"\d{1,2}(?:\.\d{1,2}){0,3}"
_ENUMERATOR = rf"(?:{_NUMBER}|[A-Za-z]|{_ROMAN}|{_ROMAN.upper().replace('(?=[IVX])', '(?=[IVX])')})"
_MARK = re.compile(rf"(?:\(?(?P<closed>{_ENUMERATOR})\)|(?P<dotted>{_ENUMERATOR})\.)\Z")
_GLUED = re.compile(rf"(?:\(?{_ENUMERATOR}\)|{_NUMBER}\.(?=[A-Z\"'])|[a-z]\.(?=[\"']))(?=[A-Z\"'])")
_PLAIN_NUMBER = re.compile(r"\d+(?:\.\d+)*\Z")
_SENTENCE_MARKS = ".,;:!?()[]\"'"

_REFERENCE_WORDS = frozenset(
    """
    annex appendix article articles attachment chapter clause clauses copyright exhibit item items
    no number paragraph paragraphs para part parts point rule schedule section sections subsection
    table title version v § §§ about above after at before below by exceed exceeding exceeds for
    from in least most of over than through to under until up within one two three four five six
    seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty ninety hundred
    """.split()  # noqa: SIM905 # seventy quoted words would hide the list
)
_JOINING_WORDS = frozenset(("and", "or", "to", "and/or", "through"))


def exact_digest(data: bytes) -> str:
    """Return ``sha256:<hex>`` of exactly these bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_normalised_digest(text: str) -> bool:
    """Whether `text` has the form of a normalised digest of this version."""
    return _NORMALISED.match(text) is not None


def check_text(data: bytes) -> Refusal | None:
    """Return why these bytes may not be published as a license text, None if they may."""
    if len(data) > TEXT_MAX_BYTES:
        return _refuse(
            "license-text-too-large",
            "The license text is too long",
            f"the text has {len(data)} bytes, at most {TEXT_MAX_BYTES} are taken",
            "Send only the license, and included policies as policies",
            status=413,
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _refuse(
            "license-text-not-utf8",
            "The license text is not UTF-8",
            f"byte {error.start} cannot be read as UTF-8",
            "Save the text as UTF-8 and send it again",
        )
    return _check_characters(text)


def _check_characters(text: str) -> Refusal | None:
    if control := _CONTROL.search(text):
        return _refuse(
            "license-text-control-character",
            "The license text holds a control character",
            f"U+{ord(control.group()):04X} at character {control.start()}; only tabs and line ends are taken",
            "Remove the control characters and send the text again",
        )
    if hidden := _DECEPTIVE.search(text):
        return _refuse(
            "license-text-deceptive",
            "The license text holds characters that make it show other words than it says",
            f"U+{ord(hidden.group()):04X} at character {hidden.start()}",
            "Remove direction overrides and hidden characters and send the text again",
        )
    if text.count("\n") + text.count("\r") > 2 * TEXT_MAX_LINES or len(text.splitlines()) > TEXT_MAX_LINES:
        return _refuse(
            "license-text-too-large",
            "The license text has too many lines",
            f"at most {TEXT_MAX_LINES} lines are taken",
            "Send only the license, and included policies as policies",
            status=413,
        )
    if not any(character.isalnum() for character in text):
        return _refuse(
            "license-text-empty",
            "The license text is empty",
            "the text holds no word",
            "Send the whole license text",
        )
    return None


def _refuse(code: str, title: str, detail: str, remedy: str, *, status: int = 422) -> Refusal:
    return Refusal(
        code=code,
        status=status,
        title=title,
        detail=detail,
        remedy=Remedy(text=remedy),
        decider="You do; no review follows",
        errors={"text": detail},
    )


def decode(data: bytes) -> str:
    """Return the text of published bytes, without a byte order mark; what is not UTF-8 shows as U+FFFD."""
    return data.decode("utf-8", errors="replace").removeprefix("\ufeff")


def words_of(text: str) -> list[str]:
    """Return the words of `text` as they stand between white space."""
    return text.removeprefix("\ufeff").split()


def normalised_digest(data: bytes) -> str:
    """Return the ``n1:`` digest of these bytes: equal for the same words in another layout."""
    joined = "".join(normalised_words(decode(data)))
    return f"{NORMALISATION}:{hashlib.sha256(joined.encode()).hexdigest()}"


def normalised_words(text: str) -> list[str]:
    """Return the tokens that count for the normalised digest, in order (steps 1 to 5)."""
    folded = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_STRAIGHT)
    tokens = [token for token in folded.split() if not _RULE.match(token)]
    named = _numbers_with_a_name(tokens)
    kept: list[str] = []
    for position, token in enumerate(tokens):
        before = tokens[max(0, position - 2) : position]
        if not _is_list_mark(token, before, named):
            kept.append(_GLUED.sub("", token, count=1) if _GLUED.match(token) else token)
    return kept


def _numbers_with_a_name(tokens: list[str]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (first, second)
        for first, second in itertools.pairwise(tokens)
        if first[-1:].isalnum() and _PLAIN_NUMBER.match(second)
    )


def _is_list_mark(token: str, before: list[str], named: frozenset[tuple[str, str]]) -> bool:
    found = _MARK.match(token)
    if found is None:
        return False
    if not before:
        return True
    last = before[-1]
    if token[0] != "(" and token[-1] == ")" and last.count("(") > last.count(")"):
        return False
    bare = last.strip(_SENTENCE_MARKS).lower()
    if last[-1] not in _SENTENCE_MARKS:
        if bare in _REFERENCE_WORDS:
            return False
        if bare in _JOINING_WORDS and _PLAIN_NUMBER.match(before[0].strip(_SENTENCE_MARKS)):
            return False
    return (last.lstrip(_SENTENCE_MARKS), found.group("dotted") or "") not in named
