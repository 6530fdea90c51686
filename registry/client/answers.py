"""What the registry answers, as values: models, decisions, uploads, releases."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from registry.client.errors import Malformed, NotSignedIn, Refused, printable
from registry.client.problem import MakeAbsolute
from registry.client.wire import Fields, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the caller may have the files of a release; if not, what is missing and where to act (P10)."""

    permitted: bool
    code: str
    title: str
    detail: str
    remedy_text: str
    remedy_url: str | None
    decider: str
    since: str
    until: str

    def refusal(self, *, is_signed_in: bool) -> Refused:
        """Return the error that says this no."""
        advice = [self.remedy_text, self.remedy_url or ""]
        advice += [f"Who decides: {self.decider}"] if self.decider else []
        advice += [f"Since: {self.since}"] if self.since else []
        advice += [f"Until: {self.until}"] if self.until else []
        if not is_signed_in:
            advice.append("Sign in on this machine: gatehouse login")
        kind = Refused if is_signed_in else NotSignedIn
        message = ": ".join(part for part in (self.title, self.detail) if part)
        lines = tuple(line for line in advice if line)
        return kind(message, advice=lines, code=self.code, remedy_url=self.remedy_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A file as the model's page lists it; what counts is the signed manifest."""

    path: str
    size: int
    sha256: str
    flags: tuple[str, ...]
    """What the registry has found in it: `warning: imports os.system`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A license version that the gate demands."""

    slug: str
    title: str
    number: str
    sha256: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model at one revision."""

    id: str
    publisher: str
    name: str
    is_private: bool
    summary: str
    gate_mode: str
    requirements: tuple[Requirement, ...]
    commit: str | None
    """None while nothing has been released."""
    message: str
    published_at: str
    manifest_digest: str
    files: tuple[ListedFile, ...]
    refs: tuple[tuple[str, str, str], ...]
    """Name, kind and commit of each."""
    access: Decision
    raw: JsonObject
    """The whole answer, for `--json`."""


class UploadState(StrEnum):
    """Where an upload stands."""

    STORED = "stored"
    OPEN = "open"
    VERIFYING = "verifying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload as the registry sees it."""

    id: str | None
    """None where the bytes are stored already."""
    sha256: str
    size: int
    state: UploadState
    part_size: int
    parts: Mapping[int, int]
    """Number and size of each part that the store has."""
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRelease:
    """A release that is public now."""

    commit: str
    url: str | None
    manifest_digest: str
    unexplained: tuple[str, ...] = ()
    """Questions of the gate that do not say why they are asked."""


def read_decision(fields: Fields, *, absolute: MakeAbsolute) -> Decision:
    """Return the decision in `fields`."""
    remedy = fields.maybe_member("remedy")
    url = None if remedy is None else remedy.maybe_text("url")
    return Decision(
        permitted=fields.flag("permitted"),
        code=_shown(fields, "code"),
        title=_shown(fields, "title"),
        detail=_shown(fields, "detail"),
        remedy_text="" if remedy is None else _shown(remedy, "text"),
        remedy_url=None if url is None else absolute(url),
        decider=_shown(fields, "decider"),
        since=_shown(fields, "since"),
        until=_shown(fields, "until"),
    )


def read_model(fields: Fields, *, absolute: MakeAbsolute) -> ModelInfo:
    """Return the model in `fields`."""
    gate = fields.member("gate")
    release = fields.maybe_member("release")
    return ModelInfo(
        id=fields.text("id"),
        publisher=_shown(fields, "publisher"),
        name=_shown(fields, "name"),
        is_private=fields.flag("private"),
        summary=_shown(fields, "summary"),
        gate_mode=_shown(gate, "mode"),
        requirements=tuple(_read_requirement(one, absolute) for one in gate.members("requirements")),
        commit=None if release is None else release.text("commit"),
        message="" if release is None else _shown(release, "message"),
        published_at="" if release is None else _shown(release, "published_at"),
        manifest_digest="" if release is None else release.text("manifest_digest"),
        files=() if release is None else tuple(_read_file(one) for one in release.members("files")),
        refs=tuple(
            (_shown(one, "name"), _shown(one, "kind"), one.text("commit")) for one in fields.members("refs")
        ),
        access=read_decision(fields.member("access"), absolute=absolute),
        raw=fields.value,
    )


def _read_requirement(fields: Fields, absolute: MakeAbsolute) -> Requirement:
    url = fields.maybe_text("url")
    return Requirement(
        slug=_shown(fields, "slug"),
        title=_shown(fields, "title"),
        number=_shown(fields, "number"),
        sha256=fields.text("sha256"),
        url=None if url is None else absolute(url),
    )


def _read_file(fields: Fields) -> ListedFile:
    return ListedFile(
        path=fields.text("path"),
        size=fields.number("size"),
        sha256=fields.text("sha256"),
        flags=tuple(
            f"{_shown(flag, 'severity')}: {_shown(flag, 'message')}" for flag in fields.members("flags")
        ),
    )


def read_upload(fields: Fields) -> Upload:
    """Return the upload in `fields`."""
    state = fields.text("state")
    if state not in set(UploadState):
        raise Malformed(f"{fields.where}.state is {printable(state, limit=40)!r}")
    return Upload(
        id=fields.maybe_text("id"),
        sha256=fields.text("sha256"),
        size=fields.number("size"),
        state=UploadState(state),
        part_size=fields.maybe_number("part_size") or 0,
        parts={part.number("number"): part.number("size") for part in fields.members("parts")}
        if fields.value.get("parts") is not None
        else {},
        problem=_shown(fields, "problem"),
    )


def _shown(fields: Fields, name: str) -> str:
    """Return a text that people will see, safe for a terminal; empty where it is absent."""
    return printable(fields.maybe_text(name) or "")
