"""`/privacy`: what is kept about people, why, who reads it, and how long. It says what the registry does."""

from dataclasses import dataclass, replace
from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from registry.acceptances.kept import kept_of_acceptance
from registry.access.kept import kept_of_request
from registry.identity.visits import Desk
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest
from registry.kernel.retention import UNTIL_ERASED, Kept, Retention, in_words, kept_for

_ON_RECORD = "for as long as the registry keeps its records; ask its operators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """Who answers for the registry."""

    name: str
    contact: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyView:
    """`about/privacy.html`."""

    controller: Answerable
    rows: tuple[Kept, ...]
    log_says: tuple[str, ...]
    erasure: tuple[str, ...]
    rights: tuple[str, ...]


def _rows(retention: Retention) -> tuple[Kept, ...]:
    """Return what is kept, with the times that are set."""
    connection = kept_for(retention.connection_days, _ON_RECORD)
    return (
        Kept(
            label="E-mail address",
            what="the address that you sign in with",
            why="to sign you in by a mailed link, and to say who accepted",
            readers="you; the publishers of models that you accepted a license for",
            kept=UNTIL_ERASED,
        ),
        Kept(
            label="What you declare",
            what="an age you have reached, your country, as what you use models; only if you say so, never a date of birth",
            why="some publishers let in only people of whom it holds",
            readers="you; publishers learn only that what they ask for is met, or the reason why it is not",
            kept=_ON_RECORD,
        ),
        *(
            replace(row, label=f"At an acceptance: {row.label.lower()}")
            for row in kept_of_acceptance("the publisher", retention)
        ),
        Kept(
            label="Being named at the Hub",
            what="for which model and repository you agreed, and when; the name of your account there",
            why="to let you in there too, if you want that; you take it back on the same page",
            readers="you; the Hub, and the owners of the repository there",
            kept="the name until you take it back; that you agreed, " + _ON_RECORD,
        ),
        *(
            replace(row, label=f"At a request for access: {row.label.lower()}")
            for row in kept_of_request("the publisher", retention)
        ),
        *_rows_of_downloads(retention, program=connection),
        Kept(
            label="Notices",
            what="what the registry told you, in your inbox",
            why="so that you can read it again",
            readers="you",
            kept=kept_for(retention.notice_days, UNTIL_ERASED),
        ),
        Kept(
            label="Signed-in browsers and access tokens",
            what="since when, until when, which browser, which scopes",
            why="to keep you signed in, and to let you end it",
            readers="you; their secrets are stored as digests that nobody can turn back",
            kept="sessions end after 14 days, tokens after the time you chose. Record of an ended session: "
            f"{kept_for(retention.sign_in_days, _ON_RECORD)}; address that a program signed in from: {connection}; "
            "that a token existed: for good",
        ),
        Kept(
            label="Looks at your data by a publisher’s staff",
            what="who looked at which list, when",
            why="so that reading personal data leaves a trace",
            readers="the owners of the publisher; you, in your export, without who it was",
            kept=_ON_RECORD,
        ),
    )


def _rows_of_downloads(retention: Retention, *, program: str) -> tuple[Kept, ...]:
    downloads = _ON_RECORD
    if retention.download_days:
        downloads = f"{in_words(retention.download_days)}; then only how often a file was downloaded on a day"
    return (
        Kept(
            label="Download records",
            what="which file, when, with which program",
            why="so that a publisher can say who was given its weights",
            readers="you and the publisher",
            kept=f"{downloads}. The program: {program}",
        ),
        Kept(
            label="Refused requests",
            what="which file, when, why not",
            why="to answer questions about refusals and to notice abuse",
            readers="you and the operators",
            kept=kept_for(retention.refused_days, _ON_RECORD),
        ),
    )


_LOG_SAYS = (
    "That an acceptance, withdrawal, release, license version, gate change, role or block happened, and when.",
    "For an acceptance: which text, at which gate, for which model, and a number that means nothing to outsiders.",
    "Never a name, an address, an answer or where you connected from.",
)
_ERASURE = (
    "Ask for it under “My records”. You have some days to take it back; then it is done. Or write to whom this page names.",
    "Your key is destroyed. With it your address, name, answers and circumstances become unreadable.",
    "Ways to sign in, sessions, names of tokens, notices and what you declared are deleted; your access ends.",
    "The acceptances stay as evidence that names nobody. Signatures and the log stay valid.",
    "Receipts that you saved stay valid too: they are yours, and show what you chose to keep.",
)
_RIGHTS = (
    "See everything that is held about you under “My records”, and export it as one file at any time.",
    "Withdraw an acceptance; the right to download ends at once.",
    "End any signed-in browser and any token in the settings.",
    "Have what is kept about you stored only, while you contest it or need it for a claim: under “My records”.",
    "Have your details erased, and complain to a supervisory authority.",
)


class PrivacyPages(Controller):
    """What is kept about people."""

    include_in_schema = False

    @get("/privacy", operation_id="show_privacy")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Say what is kept, why, who reads it and how long."""
        visit = await desk.visits.begin(request)
        settings = desk.settings
        view = PrivacyView(
            controller=Answerable(
                name=settings.site_name or "The operators of this registry", contact=settings.contact or None
            ),
            rows=_rows(settings.retention),
            log_says=_LOG_SAYS,
            erasure=_ERASURE,
            rights=_RIGHTS,
        )
        return respond(desk.pages.render("about/privacy.html", page=visit.page, view=view))
