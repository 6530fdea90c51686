"""The fixed words around the act of accepting; they are evidence, so each wording has a revision."""

from dataclasses import dataclass
from enum import StrEnum

TEMPLATE_REVISION = "accept/4"
"""Revision of the acceptance page; a page that looks or reads otherwise gets the next number."""


class Way(StrEnum):
    """By which act somebody accepts."""

    BUTTON = "button"
    """A button of the acceptance page, after a verified sign-in."""
    PASSKEY = "passkey"
    """A button of that page that asks a passkey to sign the declaration."""
    TERMINAL = "terminal"
    """A sentence typed on a terminal, and the declaration signed with an SSH key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActText:
    """The fixed words around the act; they are evidence, so each wording has a revision."""

    revision: str
    sentence: str
    button: str
    closing: str

    def block(self, *, title: str, number: str, publisher: str, texts: int) -> str:
        """Return the words as they stood on the page about one license, for the digest in its statement."""
        return "\n".join(
            part.format(title=title, number=number, publisher=publisher, texts=texts)
            for part in (self.sentence, self.closing, self.button)
        )


ACT = ActText(
    revision=TEMPLATE_REVISION,
    sentence=(
        "I have read the license agreement shown here and accept it, with its use restrictions "
        "and its conditions for sharing."
    ),
    button="Accept {title} {number}",
    closing="By pressing the button you enter into {title} {number} with {publisher}.",
)
ACT_ON_SEVERAL = ActText(
    revision=TEMPLATE_REVISION,
    sentence=(
        "I have read each of the license agreements shown here and accept each of them, with its use "
        "restrictions and its conditions for sharing."
    ),
    button="Accept all {texts} licenses",
    closing=ACT.closing,
)


PASSKEY_ACT = ActText(
    revision=TEMPLATE_REVISION,
    sentence=ACT.sentence,
    button="Accept {title} {number} and sign with a passkey",
    closing=ACT.closing,
)
PASSKEY_ACT_ON_SEVERAL = ActText(
    revision=TEMPLATE_REVISION,
    sentence=ACT_ON_SEVERAL.sentence,
    button="Accept all {texts} licenses and sign with a passkey",
    closing=ACT.closing,
)
TERMINAL_ACT = ActText(
    revision="terminal/1",
    sentence=ACT.sentence,
    button="I accept {title} {number}",
    closing="By signing you enter into {title} {number} with {publisher}.",
)
"""On a terminal the `button` is the sentence that the person types."""
TERMINAL_ACT_ON_SEVERAL = ActText(
    revision=TERMINAL_ACT.revision,
    sentence=ACT_ON_SEVERAL.sentence,
    button="I accept all {texts} licenses",
    closing=TERMINAL_ACT.closing,
)


def act_text(texts: int, way: Way = Way.BUTTON) -> ActText:
    """Return the words around the act, for as many license texts as were put to acceptance."""
    if way is Way.TERMINAL:
        return TERMINAL_ACT if texts == 1 else TERMINAL_ACT_ON_SEVERAL
    if way is Way.PASSKEY:
        return PASSKEY_ACT if texts == 1 else PASSKEY_ACT_ON_SEVERAL
    return ACT if texts == 1 else ACT_ON_SEVERAL


AUTHORITY = "I am authorised to accept this license for {organisation}, so that it binds the organisation."
"""What an officer declares besides; its digest stands in the statement."""
AUTHORITY_OVER_SEVERAL = (
    "I am authorised to accept these licenses for {organisation}, so that they bind the organisation."
)


def authority_sentence(organisation: str, texts: int) -> str:
    """Return what an officer declares who accepts as many texts for an organisation."""
    return (AUTHORITY if texts == 1 else AUTHORITY_OVER_SEVERAL).format(organisation=organisation)
