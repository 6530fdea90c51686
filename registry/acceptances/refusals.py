"""The refusals of accepting and of records, and their wording."""

from datetime import datetime

from registry.kernel.outcomes import Refusal, Remedy


def nothing_to_acknowledge(repo: str) -> Refusal:
    """Return the refusal of an acknowledgement of what covers nobody, or not this person."""
    return Refusal(
        code="nothing-to-acknowledge",
        status=409,
        title="There is nothing for you to acknowledge",
        detail="What your organisation accepted covers you already, or has been taken back, or you are no member "
        "of it any more. Nothing was recorded.",
        remedy=Remedy(text="Look at the model’s page", url=f"/{repo}"),
        decider="You do",
    )


def organisation_not_verified(page: str) -> Refusal:
    """Return the refusal of an acceptance for an organisation that has not shown to control a domain."""
    return Refusal(
        code="organisation-not-verified",
        status=409,
        title="The organisation cannot accept yet",
        detail="It has no proved domain, or the proof has run out. Nothing was accepted.",
        remedy=Remedy(text="Prove the organisation's domain first", url=page),
        decider="The officers of the organisation",
    )


def own_signature_needed(page: str) -> Refusal:
    """Return the refusal of an acceptance without a signature, where the gate takes none without."""
    return Refusal(
        code="own-signature-required",
        status=409,
        title="This gate asks for a signature of your own",
        detail="Only acceptances count here that you also sign with a passkey or an SSH key. Nothing was accepted.",
        remedy=Remedy(
            text=f"Press the button that signs with a passkey, or run gatehouse accept {page.strip('/').removesuffix('/accept')}",
            url=page,
        ),
        decider="You do",
    )


def asked_no_longer(page: str) -> Refusal:
    """Return the refusal of a form with a text that the model no longer asks for."""
    return Refusal(
        code="text-changed",
        status=409,
        title="What the model asks for has changed since the page was opened",
        detail="Nothing was accepted. One of the licenses on that page does not come with the model any more.",
        remedy=Remedy(text="Read what is asked for now, then accept it", url=page),
        decider="You do",
    )


def nothing_to_accept(page: str) -> Refusal:
    """Return the refusal of an acceptance that the gate does not ask for."""
    return Refusal(
        code="nothing-to-accept",
        status=409,
        title="There is nothing for you to accept here",
        detail="The gate of this model asks for no further acceptance. Nothing was recorded.",
        remedy=Remedy(text="Go to the model's page", url=page),
    )


def no_such_acceptance() -> Refusal:
    """Return the refusal of a record that does not exist or belongs to somebody else."""
    return Refusal(
        code="acceptance-unknown",
        status=404,
        title="There is no such record here, or you may not see it",
        detail="Receipts are shown to the person who accepted, and to the auditors of the publisher.",
        remedy=Remedy(text="Look at your own records", url="/records"),
    )


def already_withdrawn(at: datetime) -> Refusal:
    """Return the refusal of a second withdrawal."""
    return Refusal(
        code="acceptance-already-withdrawn",
        status=409,
        title="This acceptance was already withdrawn",
        detail="Nothing changed. The record of the acceptance and of its withdrawal stays.",
        remedy=Remedy(text="Look at your records", url="/records"),
        since=at,
    )


def rest_not_public(repo_id: str) -> Refusal:
    """Return the refusal of an acceptance where all that is missing comes with a base that is not public."""
    return Refusal(
        code="nothing-to-accept",
        status=409,
        title="There is nothing that you can accept here",
        detail="What may still be missing comes with a base of this model that is not public. Nothing was recorded.",
        remedy=Remedy(text="Ask the maintainers of the model", url=f"/{repo_id}"),
        decider=f"The maintainers of {repo_id.partition('/')[0]}",
    )


def report_unreadable(why: str) -> Refusal:
    """Return the refusal of a file that is no report, or breaks off."""
    return Refusal(
        code="report-unreadable",
        status=422,
        title="The report cannot be read",
        detail=f"{why[:1].upper()}{why[1:]}. Nothing was imported, and nothing of the file was kept.",
        remedy=Remedy(
            text="Choose the Hub’s user access report as it was downloaded, or a CSV in UTF-8 whose first line names its columns"
        ),
    )


def report_unknown() -> Refusal:
    """Return the refusal to act on a report that is not there."""
    return Refusal(
        code="report-unknown",
        status=404,
        title="There is no such report here",
        detail="It was discarded, its time is over, or it is about another publisher’s model.",
        remedy=Remedy(text="Choose the file once more; who is on record already is not recorded twice"),
    )


def report_confirmed() -> Refusal:
    """Return the refusal to discard a report that is being imported."""
    return Refusal(
        code="report-confirmed",
        status=409,
        title="The report is being imported already",
        detail="It was confirmed, so it cannot be discarded any more.",
        remedy=Remedy(text="Load the page of the report again to see how far it is"),
    )


def reports_waiting(most: int) -> Refusal:
    """Return the refusal of another report while too many wait."""
    return Refusal(
        code="reports-waiting",
        status=409,
        title="Too many reports wait for their confirmation",
        detail=f"{most} reports about this model wait to be confirmed or discarded.",
        remedy=Remedy(text="Confirm or discard one of them; after a day they go by themselves"),
    )
