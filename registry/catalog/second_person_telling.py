"""What second persons are told of a version that waits for them, and its publisher of what became of it."""

from datetime import datetime

from sqlmodel import Session

from registry import identity
from registry.catalog import second_persons
from registry.identity.domain import Message
from registry.kernel.sealing import Sealer
from registry.licenses import Outcome, ProposalTask, SecondPerson, Verdict, Version, second_person_path


def tell_second_persons(
    session: Session, task: ProposalTask, *, sealer: Sealer, base_url: str, now: datetime
) -> None:
    """Tell those who may confirm; mail goes into the daily digest, as anybody can publish and propose."""
    proposal = second_persons.find_proposal(session, task.version)
    if proposal.second is not SecondPerson.WAITS:
        return
    identity.notify(
        session,
        second_persons.list_second_persons(session, proposal.version),
        _asked(proposal.version),
        base_url=base_url,
        sealer=sealer,
        now=now,
        by_mail=False,
    )


def tell_publisher(
    session: Session, task: ProposalTask, *, sealer: Sealer, base_url: str, now: datetime
) -> None:
    """Tell who published the version what the second person said."""
    proposal = second_persons.find_proposal(session, task.version)
    version, verdict = proposal.version, proposal.verdict
    if verdict is None or version.published_by is None:
        return
    message = _said(version, verdict)
    identity.notify(session, [version.published_by], message, base_url=base_url, sealer=sealer, now=now)


def _asked(version: Version) -> Message:
    return Message(
        kind="license-waits",
        subject=f"{version.name} waits for a second person",
        text=(
            f"{version.name} was published as {version.change_class.value}: nobody would be asked to accept it again.\n"
            "No gate can require it before a second person has said that this is so. You may: read what changed, "
            "then confirm or object."
        ),
        page=second_person_path(version),
    )


def _said(version: Version, verdict: Verdict) -> Message:
    if verdict.outcome is Outcome.CONFIRMED:
        return Message(
            kind="license-confirmed",
            subject=f"{version.name} is confirmed",
            text=f"A second person confirmed that {version.name} is {version.change_class.value}.\nGates can require it.",
            page=version.path,
        )
    return Message(
        kind="license-objected",
        subject=f"A second person objects to {version.name}",
        text=(
            f"A second person does not agree that {version.name} is {version.change_class.value}: {verdict.reason}\n"
            "No gate can require it. Publish the text under a new number as material, or another text."
        ),
        page=second_person_path(version),
    )
