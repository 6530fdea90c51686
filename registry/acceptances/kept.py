"""What an acceptance leaves behind: what, why, who reads it, how long. The one source of all pages that say so.

It states what the software does with the times that are set (`registry.kernel.retention`).
"""

from collections.abc import Sequence

from registry.kernel.retention import (
    DEFAULTS,
    FOR_GOOD,
    UNTIL_ERASED,
    Kept,
    Retention,
    kept_for,
    kept_until_erased,
)


def kept_of_acceptance(publisher: str, retention: Retention = DEFAULTS) -> Sequence[Kept]:
    """Return what each acceptance leaves behind; `publisher` as the sentence names it."""
    details = kept_until_erased(retention.ended_acceptance_days, "after you withdrew the acceptance")
    staff = f"you; the staff of {publisher} who may read its records"
    return (
        Kept(
            label="Your act",
            what="which text, for which model, what you pressed and ticked",
            why="evidence of the contract between you and the publisher",
            readers=f"{staff}; its fingerprint stands in the public log",
            kept=FOR_GOOD,
        ),
        Kept(
            label="Times",
            what="page shown, end of the text reached, license accepted, how far your browser's clock was off",
            why="evidence that the text could be read before",
            readers=staff,
            kept=FOR_GOOD,
        ),
        Kept(
            label="Sign-in",
            what="when and how you signed in, whether the name is one you typed before, the browser session and request",
            why="evidence that it was you",
            readers=staff,
            kept=FOR_GOOD,
        ),
        Kept(
            label="Your details",
            what="name as you typed it, e-mail address, answers to the publisher's questions",
            why="evidence of who accepted",
            readers=staff,
            kept=details,
        ),
        Kept(
            label="Your copy",
            what="when the letter about it was sent or given up, when you first downloaded the receipt",
            why="evidence that you were given what you accepted",
            readers=staff,
            kept=FOR_GOOD,
        ),
        Kept(
            label="Connection",
            what="IP address, browser",
            why="to settle a dispute about who accepted",
            readers="you, in your receipt and your export; no page shows it to the publisher",
            kept=kept_for(retention.connection_days, UNTIL_ERASED),
        ),
    )
