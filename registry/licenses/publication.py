"""What may be published as a license version, and by whom; each no is a refusal that says what to do."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from registry.kernel.identifiers import is_slug
from registry.kernel.outcomes import Refusal, Remedy
from registry.licenses.domain import (
    CLAUSE_MAX_CHARACTERS,
    EFFECTIVE_MAX_AHEAD,
    NUMBER_MAX_CHARACTERS,
    POLICIES_MAX,
    PUBLISHER_MAX_CHARACTERS,
    REFUSED,
    RESTRICTIONS_MAX,
    TITLE_MAX_CHARACTERS,
    URL_MAX_CHARACTERS,
    VERSIONS_MAX,
    ChangeClass,
    Policy,
    PublishVersion,
    Restriction,
    Strictness,
    VersionSummary,
    is_number,
    is_restriction,
    order_of,
)


def judge_command(command: PublishVersion, *, now: datetime) -> Refusal | None:
    """Return why the command is malformed, None if it is well formed; says nothing about its text."""
    errors: dict[str, str] = {}
    if not is_slug(command.slug):
        errors["slug"] = "lower-case letters, digits, dot, plus and hyphen, at most 64, like my-openrail-m"
    if not is_number(command.number):
        errors["number"] = "digits and dots, like 1.0 or 1.0.1"
    if len(command.title) > TITLE_MAX_CHARACTERS or not _is_one_line(command.title):
        errors["title"] = f"one line of at most {TITLE_MAX_CHARACTERS} characters"
    publisher = command.publisher or ""
    if len(publisher) > PUBLISHER_MAX_CHARACTERS or not _is_one_line(publisher):
        errors["publisher"] = f"one line of at most {PUBLISHER_MAX_CHARACTERS} characters"
    if command.language != "en":
        errors["language"] = "en; the binding text is in English, translations come later"
    if command.effective_at is not None and command.effective_at > now + EFFECTIVE_MAX_AHEAD:
        errors["effective_at"] = "a date at most three years ahead"
    errors |= _policy_errors(command.policies) | _restriction_errors(command.restrictions)
    if not errors:
        return None
    return Refusal(
        code="license-malformed",
        status=422,
        title="The license version is malformed",
        detail="; ".join(f"{field}: {error}" for field, error in errors.items()),
        remedy=Remedy(text="Mend the fields named and send it again"),
        decider="You do; no review follows",
        errors=errors,
    )


def _is_one_line(text: str) -> bool:
    return text.isprintable()


def _policy_errors(policies: Sequence[Policy]) -> dict[str, str]:
    if len(policies) > POLICIES_MAX:
        return {"policies": f"at most {POLICIES_MAX}"}
    for policy in policies:
        if not policy.title or len(policy.title) > TITLE_MAX_CHARACTERS or not _is_one_line(policy.title):
            return {"policies": f"each has a title of at most {TITLE_MAX_CHARACTERS} characters"}
        if policy.url is not None and not _is_web_address(policy.url):
            return {"policies": "an address starts with https:// or http://"}
    return {}


def _is_web_address(url: str) -> bool:
    if len(url) > URL_MAX_CHARACTERS or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def _restriction_errors(restrictions: Sequence[Restriction]) -> dict[str, str]:
    if len(restrictions) > RESTRICTIONS_MAX:
        return {"restrictions": f"at most {RESTRICTIONS_MAX}"}
    seen: set[str] = set()
    for restriction in restrictions:
        if not is_restriction(restriction.slug) or restriction.slug in seen:
            return {"restrictions": "each slug once, like no-illegal-use"}
        if len(restriction.clause) > CLAUSE_MAX_CHARACTERS or not _is_one_line(restriction.clause):
            return {"restrictions": f"a clause is named in at most {CLAUSE_MAX_CHARACTERS} characters"}
        seen.add(restriction.slug)
    return {}


def judge_new_license(command: PublishVersion) -> Refusal | None:
    """Return why the command may not begin a license, None if it may."""
    if not command.title.strip():
        return Refusal(
            code="license-title-missing",
            status=422,
            title="The new license has no title",
            detail=f"no license {command.slug!r} exists yet, so this would be a new one",
            remedy=Remedy(text="Give the license a title, or check the slug"),
            decider="You do; no review follows",
            errors={"title": "The name people know the license by, like Example OpenRAIL-M"},
        )
    if command.change_class is not ChangeClass.INITIAL:
        return _wrong_class(command, "the first version of a license is of class initial")
    return None


def judge_next_version(
    command: PublishVersion,
    *,
    sha256: str,
    published: Sequence[VersionSummary],
    standing: Iterable[Restriction],
) -> Refusal | None:
    """Return why the command may not follow the `published` versions (in order), None if it may.

    `standing` are the use restrictions of the latest of them that stands or may come to.
    """
    latest = published[-1]
    for version in published:
        if version.number == command.number:
            return _number_taken(command, version, sha256)
    # A text that a second person refused for its class may come again with another one.
    alike = (one for one in published if one.sha256 == sha256 and one.second not in REFUSED)
    if same := next(alike, None):
        return Refusal(
            code="license-text-unchanged",
            status=409,
            title=f"This text is already published as {same.number}",
            detail=f"version {same.number} has the same {sha256}; one text has one number",
            remedy=Remedy(text=f"Use version {same.number}", url=same.path),
            decider="You do; no review follows",
            since=same.published_at,
        )
    if order_of(command.number) <= order_of(latest.number):
        return Refusal(
            code="license-number-not-newer",
            status=409,
            title=f"The number {command.number} does not come after {latest.number}",
            detail=f"the latest version is {latest.number}; versions are published in the order of their numbers",
            remedy=Remedy(text=f"Choose a number greater than {latest.number}"),
            decider="You do; no review follows",
            errors={"number": f"greater than {latest.number}"},
        )
    if command.change_class is ChangeClass.INITIAL:
        return _wrong_class(command, f"version {latest.number} exists, so this one is not initial")
    if len(published) >= VERSIONS_MAX:
        return Refusal(
            code="license-too-many-versions",
            status=409,
            title="The license has too many versions",
            detail=f"a license has at most {VERSIONS_MAX} versions",
            remedy=Remedy(text="Begin a new license"),
            decider="The operators of this registry",
        )
    return _judge_restrictions(command, standing)


def _number_taken(command: PublishVersion, taken: VersionSummary, sha256: str) -> Refusal:
    return Refusal(
        code="license-version-frozen",
        status=409,
        title=f"Version {taken.number} is published and never changes",
        detail=f"text digest differs: got {sha256}, version {command.number} is {taken.sha256}",
        remedy=Remedy(text="Publish the changed text under a new number", url=taken.path),
        decider="Nobody; a published text is never edited",
        since=taken.published_at,
        errors={"number": "a number that is not taken yet"},
    )


def _wrong_class(command: PublishVersion, why: str) -> Refusal:
    return Refusal(
        code="license-change-class-wrong",
        status=422,
        title=f"The change class {command.change_class.value} does not fit",
        detail=why,
        remedy=Remedy(text="Choose the class that fits: initial, editorial, compatible or material"),
        decider="You do; no review follows",
        errors={"change_class": why},
    )


def _judge_restrictions(command: PublishVersion, standing: Iterable[Restriction]) -> Refusal | None:
    """Refuse a change that binds people more while it says that nobody need be asked."""
    if command.change_class is ChangeClass.MATERIAL:
        return None
    before = {restriction.slug: restriction.strictness for restriction in standing}
    tightened = [
        restriction.slug
        for restriction in command.restrictions
        if restriction.slug not in before
        or (
            restriction.strictness is not before[restriction.slug]
            and restriction.strictness is Strictness.FLAT
        )
    ]
    if not tightened:
        return None
    return _wrong_class(
        command, f"{', '.join(tightened[:5])} would bind people more than before: that is a material change"
    )


# --- what is not there, and who may ---


def no_such_license(slug: str) -> Refusal:
    """Return the refusal of an unknown license."""
    return Refusal(
        code="license-not-found",
        status=404,
        title="There is no such license here",
        detail=f"no license {slug[:64]!r} is published on this registry",
        remedy=Remedy(text="Look through the licenses", url="/licenses"),
    )


def no_such_version(slug: str, number: str) -> Refusal:
    """Return the refusal of an unknown version of a known license."""
    return Refusal(
        code="license-version-not-found",
        status=404,
        title="There is no such version of this license",
        detail=f"license {slug!r} has no version {number[:NUMBER_MAX_CHARACTERS]!r}",
        remedy=Remedy(text="See the versions of this license", url=f"/licenses/{slug}"),
    )


def not_yours(slug: str) -> Refusal:
    """Return the refusal of a new version by somebody who published none of the earlier ones."""
    return Refusal(
        code="license-not-yours",
        status=403,
        title="You may not publish versions of this license",
        detail=f"license {slug!r} was published by somebody else; nothing was published",
        remedy=Remedy(text="Publish your text as a license of its own, or ask its publisher"),
        decider="Its publisher, or the operators of this registry",
    )


def policy_digest_differs(policy: Policy, got: str) -> Refusal:
    """Return the refusal of an included policy whose text is not the one its digest names."""
    detail = f"text digest differs: got {got}, expected {policy.sha256}"
    return Refusal(
        code="license-policy-digest-differs",
        status=422,
        title="An included policy is not the text that its digest names",
        detail=detail,
        remedy=Remedy(text="Send the text that belongs to the digest, or leave the digest out"),
        decider="You do; no review follows",
        errors={"policies": detail},
    )
