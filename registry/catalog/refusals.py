"""The catalog's refusals: each says what is missing, what to do and who decides (P10)."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from registry.catalog.domain import STEP_UP_MAX_AGE, Command, model_url
from registry.identity.domain import Channel, Principal, Scope
from registry.identity.service_account_domain import person_needed
from registry.kernel.outcomes import Refusal, Remedy

NAMES_SHOWN_COUNT = 20
_PURPOSES: Mapping[Command, str] = {
    Command.SEE_PRIVATE: "see its private models",
    Command.UPLOAD: "upload files for it",
    Command.CREATE_MODEL: "create models of it",
    Command.PUBLISH_RELEASE: "publish releases of its models",
    Command.CHANGE_GATE: "change its gates",
    Command.REVIEW_REQUESTS: "review its access requests",
    Command.BLOCK_PEOPLE: "block people from its models",
    Command.READ_RECORDS: "read its records",
    Command.IMPORT_ACCEPTORS: "import who accepted elsewhere",
    Command.KEEP_MIRROR: "keep repositories at the Hub in step with its models",
    Command.KEEP_WEBHOOK: "keep its webhooks",
    Command.MANAGE_ROLES: "give and end roles",
}
_YOU = "You do; no review follows"


def no_such_model(publisher: str, name: str) -> Refusal:
    """Return the one refusal for a model that is absent and for one that must look absent."""
    return Refusal(
        code="model-not-found",
        status=404,
        title="There is no such model here, or you may not see it",
        detail=f"No model {publisher[:96]}/{name[:96]} is known to you on this registry.",
        remedy=Remedy(text="Check the name, or look through the catalog", url="/"),
    )


def no_such_publisher(name: str) -> Refusal:
    """Return the refusal of an unknown publisher."""
    return Refusal(
        code="publisher-not-found",
        status=404,
        title="There is no such publisher here",
        detail=f"No publisher {name[:96]!r} is known on this registry.",
        remedy=Remedy(
            text="Check the name, or create the publisher first, there or with: gatehouse publisher add NAME",
            url="/manage",
        ),
    )


def no_such_release(repo_id: str, revision: str) -> Refusal:
    """Return the refusal of an unknown branch, tag or commit."""
    return Refusal(
        code="release-not-found",
        status=404,
        title="There is no such release of this model",
        detail=f"{repo_id} has no branch, tag or commit {revision[:100]!r}.",
        remedy=Remedy(text="Look at the model's releases", url=f"/{repo_id}"),
    )


def no_such_upload() -> Refusal:
    """Return the refusal of an upload that is absent or somebody else's."""
    return Refusal(
        code="upload-not-found",
        status=404,
        title="There is no such upload, or it is not yours",
        detail="Nothing was stored.",
        remedy=Remedy(text="Ask for a new upload of the file"),
    )


def sign_in_needed() -> Refusal:
    """Return the refusal of an anonymous visitor who wants to change something."""
    return Refusal(
        code="sign-in-needed",
        status=401,
        title="You are not signed in",
        detail="Nothing was changed.",
        remedy=Remedy(text="Sign in, or send a token of this registry", url="/sign-in"),
        decider="You do",
    )


def scope_missing(scope: Scope) -> Refusal:
    """Return the refusal of a token that does not reach far enough."""
    return Refusal(
        code="scope-missing",
        status=403,
        title=f"This token lacks the scope {scope.value}",
        detail="Nothing was changed. Tokens do only what they were created for.",
        remedy=Remedy(text=f"Create a token with the scope {scope.value}", url="/settings/tokens"),
        decider="You do",
    )


def role_missing(publisher: str, command: Command) -> Refusal:
    """Return the refusal of somebody whose role does not allow `command`."""
    return Refusal(
        code="role-missing",
        status=403,
        title=f"You have no role at {publisher} that allows this",
        detail=f"To {_PURPOSES[command]} takes a role that you do not have there. Nothing was changed.",
        remedy=Remedy(text=f"Ask an owner of {publisher} for the role"),
        decider=f"The owners of {publisher}",
    )


MACHINE_COMMANDS = frozenset({Command.UPLOAD, Command.PUBLISH_RELEASE})
"""What a service account does by the roles of its sponsor; gates, roles and people's data take a person."""


def check_scope(principal: Principal, command: Command) -> Refusal | None:
    """Return why the credential does not reach as far as `command`, or None."""
    if principal.account is not None and command not in MACHINE_COMMANDS:
        return person_needed()
    if principal.answering_id is None:
        return sign_in_needed()
    scope = Scope.READ if command is Command.SEE_PRIVATE else Scope.PUBLISH
    if command is Command.READ_RECORDS:
        scope = Scope.AUDIT
    if command in (Command.REVIEW_REQUESTS, Command.BLOCK_PEOPLE):
        scope = Scope.REVIEW
    if principal.channel is Channel.TOKEN and not principal.may(scope):
        return scope_missing(scope)
    return None


def fresh_sign_in_needed() -> Refusal:
    """Return the refusal of a grave change by a token or by a session that is not fresh."""
    minutes = int(STEP_UP_MAX_AGE.total_seconds() // 60)
    return Refusal(
        code="fresh-sign-in-needed",
        status=403,
        title="Changing a gate takes a fresh sign-in",
        detail=f"Gates are changed in a browser by somebody who signed in within the last {minutes} minutes.",
        remedy=Remedy(text="Sign in again, then change the gate", url="/sign-in"),
        decider="You do",
    )


def malformed(title: str, errors: Mapping[str, str], *, code: str = "malformed-request") -> Refusal:
    """Return the refusal of values that cannot stand; the first few are named."""
    shown = dict(list(errors.items())[:NAMES_SHOWN_COUNT])
    more = len(errors) - len(shown)
    detail = "; ".join(f"{name[:100]}: {problem}" for name, problem in shown.items())
    return Refusal(
        code=code,
        status=422,
        title=title,
        detail=detail + (f"; and {more:,} more" if more > 0 else ""),
        remedy=Remedy(text="Mend what the errors name, then send it again"),
        decider=_YOU,
        errors=shown,
    )


def name_taken(kind: str, name: str) -> Refusal:
    """Return the refusal of a name that stands already, in any case."""
    return Refusal(
        code="name-taken",
        status=409,
        title=f"The {kind} {name} exists already",
        detail="Names that differ only in case are one name. Nothing was created.",
        remedy=Remedy(text="Choose another name"),
        decider=_YOU,
    )


def no_such_license(reference: str) -> Refusal:
    """Return the refusal of a license that is not on this registry."""
    return Refusal(
        code="license-not-found",
        status=422,
        title="There is no such license version here",
        detail=f"{reference[:100]!r} names no license version that is published on this registry.",
        remedy=Remedy(text="Look through the licenses, or add this one first", url="/licenses"),
        decider=_YOU,
        errors={"licenses": "name published versions, like gatehouse-openrail-m@1.0"},
    )


def no_such_role(publisher: str) -> Refusal:
    """Return the refusal of an unknown role."""
    return Refusal(
        code="role-not-found",
        status=404,
        title=f"There is no such role at {publisher}",
        detail="Nothing was changed.",
        remedy=Remedy(text="Look at the list of roles"),
    )


def last_owner(publisher: str) -> Refusal:
    """Return the refusal to leave a publisher without an owner."""
    return Refusal(
        code="last-owner",
        status=409,
        title=f"{publisher} would have no owner left",
        detail="The role was not ended: a publisher always has at least one owner.",
        remedy=Remedy(text="Make somebody else an owner first"),
        decider=_YOU,
    )


def gate_differs(publisher: str, name: str) -> Refusal:
    """Return the refusal of a release that names other terms than the model's gate."""
    return Refusal(
        code="gate-differs",
        status=409,
        title="The gate of this model asks for other terms",
        detail="A release never changes a gate by itself. Nothing was published.",
        remedy=Remedy(
            text="Publish without naming licenses and gate mode, or change the gate first",
            url=f"{model_url(publisher, name)}/gate",
        ),
        decider=f"The maintainers of {publisher}",
    )


def files_missing(paths: Sequence[str]) -> Refusal:
    """Return the refusal of a release whose bytes are not all there."""
    return Refusal(
        code="files-not-uploaded",
        status=409,
        title=f"{len(paths):,} of the files are not uploaded and verified",
        detail="Nothing was published. What is uploaded already stays.",
        remedy=Remedy(text="Upload these files, wait until they are verified, then publish again"),
        decider=_YOU,
        errors=dict.fromkeys(
            paths[:NAMES_SHOWN_COUNT], "not uploaded and verified with this size and digest"
        ),
    )


def files_blocked(problems: Mapping[str, str]) -> Refusal:
    """Return the refusal of files that nobody could load, or that would harm who does."""
    shown = dict(list(problems.items())[:NAMES_SHOWN_COUNT])
    return Refusal(
        code="files-refused",
        status=422,
        title=f"{len(problems):,} of the files cannot be released",
        detail="; ".join(f"{path[:100]}: {problem}" for path, problem in shown.items()),
        remedy=Remedy(text="Mend or leave out these files, then publish again"),
        decider=_YOU,
        errors=shown,
    )


def parent_differs(ref: str, stated: str, head: str | None) -> Refusal:
    """Return the refusal of a release that was made on top of another state."""
    return Refusal(
        code="parent-differs",
        status=409,
        title=f"{ref} has moved since",
        detail=f"The release was made on {stated}; {ref} is at {head or 'nothing yet'}. Nothing was published.",
        remedy=Remedy(text="Look at what was published meanwhile, then publish on top of it"),
        decider=_YOU,
    )


def ref_is_tag(name: str) -> Refusal:
    """Return the refusal to move a tag."""
    return Refusal(
        code="tag-stands",
        status=409,
        title=f"{name} is a tag, and tags do not move",
        detail="Nothing was changed.",
        remedy=Remedy(text="Use a branch, or another tag name"),
        decider=_YOU,
    )


def upload_closed(state: str, problem: str | None) -> Refusal:
    """Return the refusal to go on with an upload that takes no more parts."""
    return Refusal(
        code="upload-closed",
        status=409,
        title="This upload takes no more parts",
        detail=problem or state,
        remedy=Remedy(text="Ask for a new upload of the file"),
        decider=_YOU,
    )


def parts_missing(missing: Sequence[int]) -> Refusal:
    """Return the refusal to complete an upload with holes."""
    listed = ", ".join(map(str, missing[:NAMES_SHOWN_COUNT]))
    more = len(missing) - NAMES_SHOWN_COUNT
    return Refusal(
        code="parts-missing",
        status=409,
        title=f"{len(missing):,} parts of this upload are missing or have another size",
        detail=f"Parts {listed}" + (f" and {more:,} more" if more > 0 else "") + ".",
        remedy=Remedy(text="Send these parts again, then complete the upload"),
        decider=_YOU,
    )


def lineage_circular(model: str, base: str) -> Refusal:
    """Return the refusal of a release whose card names a base that was made from this very model."""
    return Refusal(
        code="lineage-circular",
        status=409,
        title=f"{base} was made from {model}",
        detail=f"The card names {base} as a base; each would be made from the other. Nothing was published.",
        remedy=Remedy(text=f"Take {base} out of base_model in the card, then publish again"),
        decider=_YOU,
    )


def restrictions_not_carried(
    model: str,
    gaps: Mapping[str, str],
    *,
    base: str,
    license_reference: str,
    licenses: Sequence[str],
) -> Refusal:
    """Return the refusal of a license that restricts less than those of the bases; `gaps` says where."""
    shown = dict(list(gaps.items())[:NAMES_SHOWN_COUNT])
    more = len(gaps) - len(shown)
    return Refusal(
        code="restrictions-not-carried",
        status=409,
        title=f"The license of {model} does not carry on what comes with {base}",
        detail=(
            f"A model made from {base} keeps the use restrictions of {license_reference}. "
            f"Not carried on: {len(gaps)}{f', the first {len(shown)} are named' if more else ''}. "
            "Nothing was changed."
        ),
        remedy=Remedy(
            text=(
                f"Ask for {' and '.join(licenses[:5])} too, or for a license that has these restrictions; or ask the "
                f"maintainers of the base to decide that yours is equivalent"
            ),
            url=f"/{base}/equivalences?{urlencode({'model': model, 'base_license': license_reference})}",
        ),
        decider="You do; about equivalence, the maintainers of the base",
        errors=shown,
    )


def no_such_base(model: str, base: str) -> Refusal:
    """Return the refusal to take out what is not recorded."""
    return Refusal(
        code="no-such-base",
        status=404,
        title=f"{model} has no recorded base {base[:200]}",
        detail="Nothing was changed.",
        remedy=Remedy(text="Look at the recorded bases", url=f"/api/v1/models/{model}/bases"),
        decider=_YOU,
    )


def gate_moved(publisher: str, name: str, stated: int, current: int) -> Refusal:
    """Return the refusal of a change that was made on another state of the gate."""
    return Refusal(
        code="gate-moved",
        status=409,
        title="The gate has changed since you looked at it",
        detail=f"The change was made on revision {stated}; revision {current} is in force. Nothing was changed.",
        remedy=Remedy(
            text="Look at the gate as it is now, then change it", url=f"{model_url(publisher, name)}/gate"
        ),
        decider=_YOU,
    )


def weights_gated_elsewhere(paths: Mapping[str, str | None], *, own: str | None, opens: bool) -> Refusal:
    """Return the refusal to give out bytes that stand behind a stricter gate.

    `paths` names for each file the model that has it, or None where it may not be named; `own` is a model of the
    same publisher among them. Who learns of an unnamed one has shown to have the very bytes, by uploading them.
    """
    shown = dict(list(paths.items())[:NAMES_SHOWN_COUNT])
    more = len(paths) - len(shown)
    named = sorted({model for model in paths.values() if model is not None})
    detail = "; ".join(
        f"{path[:100]} stands behind the gate of {model or 'another publisher'}"
        for path, model in shown.items()
    )
    done = "The gate was not changed" if opens else "Nothing was published"
    if own is not None:
        remedy = Remedy(
            text=f"Ask for all that the gate of {own} asks for, or change that gate first", url=f"/{own}/gate"
        )
    elif named:
        remedy = Remedy(
            text=f"Ask the publisher of {named[0]} to give out these files, or leave them out",
            url=f"/{named[0]}",
        )
    else:
        remedy = Remedy(text="Leave out these files, or ask the operators of this registry about them")
    return Refusal(
        code="weights-gated-elsewhere",
        status=409,
        title="These weights stand behind another gate",
        detail=f"{detail}{f'; and {more:,} more' if more > 0 else ''}. {done}.",
        remedy=remedy,
        decider="Whoever maintains the gate that they stand behind",
        errors={
            path: f"in {model or 'a model of another publisher'}, gated" for path, model in shown.items()
        },
    )


def gate_not_shared(repo_id: str) -> Refusal:
    """Return the refusal of giving a gate of its own to a model that has one."""
    return Refusal(
        code="gate-not-shared",
        status=409,
        title=f"{repo_id} has a gate of its own",
        detail="No other model stands behind it. Nothing was changed.",
        remedy=Remedy(text="Change what it asks for on its page", url=f"/{repo_id}/gate"),
        decider="You do",
    )


def gate_shared_already(repo_id: str, other: str) -> Refusal:
    """Return the refusal of putting a model behind the gate behind which it is."""
    return Refusal(
        code="gate-shared-already",
        status=409,
        title=f"{repo_id} and {other} share a gate already",
        detail="Nothing was changed.",
        remedy=Remedy(text="Look at the gate", url=f"/{repo_id}/gate"),
        decider="You do",
    )


def gate_of_another_publisher(other: str) -> Refusal:
    """Return the refusal of putting a model behind a gate of somebody else."""
    return Refusal(
        code="gate-of-another-publisher",
        status=403,
        title=f"{other} belongs to another publisher",
        detail="A gate is shared by models of one publisher only. Nothing was changed.",
        remedy=Remedy(text="Choose a model of your publisher"),
        decider="You do",
    )
