"""What can go wrong on the user's side: one hierarchy, each with advice and an exit code.

Texts that a server sent pass through `printable` before they are kept: they may not steer a terminal.
No error holds a token or the query of a presigned URL.
"""

import unicodedata
from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of `gatehouse` says; documented in its help."""

    OK = 0
    FAILURE = 1
    """Something else went wrong; the text says what."""
    USAGE = 2
    """The command line does not make sense (also argparse's own status)."""
    REFUSED = 3
    """An acceptance or an approval is missing, or the right has ended."""
    NOT_SIGNED_IN = 4
    """No token, or one that this registry does not know."""
    VERIFICATION_FAILED = 5
    """Bytes, a signature, a proof or a key are not what they must be."""
    UNAVAILABLE = 6
    """The registry or its store cannot be reached, is busy, or keeps failing."""
    INTERRUPTED = 130
    """Ended by Ctrl-C (128 + SIGINT)."""
    PIPE_CLOSED = 141
    """The reader of stdout went away (128 + SIGPIPE)."""


class ClientError(Exception):
    """Base of every error that the client raises; `advice` says what to do next."""

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, *, advice: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class UsageProblem(ClientError):
    """The call as given cannot be carried out."""

    exit_code = ExitCode.USAGE


class Refused(ClientError):
    """The registry refuses: what is missing, where to act, who decides (P10)."""

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        *,
        advice: tuple[str, ...] = (),
        code: str = "",
        remedy_url: str | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.code = code
        self.remedy_url = remedy_url


class NotSignedIn(Refused):
    """The registry does not know who asks."""

    exit_code = ExitCode.NOT_SIGNED_IN


class NotFound(ClientError):
    """The registry has no such thing, or does not show it to this caller."""


class Invalid(ClientError):
    """The registry does not take what was sent; `errors` names the fields."""

    def __init__(
        self, message: str, *, advice: tuple[str, ...] = (), code: str = "", errors: dict[str, str]
    ) -> None:
        super().__init__(message, advice=advice)
        self.code = code
        self.errors = errors


class Malformed(ClientError):
    """A file or an answer does not have the form that it must have."""


class VerificationFailed(ClientError):
    """Something was fetched or read, and is not what was signed or stated."""

    exit_code = ExitCode.VERIFICATION_FAILED


class Unavailable(ClientError):
    """The registry or its store cannot be reached now; trying again later may help."""

    exit_code = ExitCode.UNAVAILABLE

    def __init__(
        self, message: str, *, advice: tuple[str, ...] = (), retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, advice=advice)
        self.retry_after_seconds = retry_after_seconds


class UnsafePath(ClientError):
    """A path leads, or could lead, outside the folder that was named."""

    exit_code = ExitCode.VERIFICATION_FAILED


TEXT_MAX_CHARACTERS = 2_000
"""Longest text of a server that is repeated to the user."""

_KEPT_FORMAT_CHARACTERS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{SOFT HYPHEN}")


def printable(text: str, *, limit: int = TEXT_MAX_CHARACTERS) -> str:
    """Return `text` on one line, without control characters, escapes or direction overrides."""
    kept = (
        " "
        if character in "\t\n\r\v\f\x85\u2028\u2029"
        else character
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs"} or character in _KEPT_FORMAT_CHARACTERS
        else "\N{REPLACEMENT CHARACTER}"
        for character in text[:limit]
    )
    return "".join(kept).strip()
