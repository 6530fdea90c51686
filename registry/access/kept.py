"""What a request for access leaves behind: what, why, who reads it, how long. The one source of all pages that say so."""

from collections.abc import Sequence

from registry.kernel.retention import FOR_GOOD, Kept, Retention, kept_until_erased


def kept_of_request(publisher: str, retention: Retention) -> Sequence[Kept]:
    """Return what asking for access leaves behind; `publisher` as the sentence names it."""
    readers = f"you; the reviewers of {publisher}"
    return (
        Kept(
            label="Your words",
            what="answers to the publisher’s questions, what you need the files for, an appeal",
            why="so that somebody can decide",
            readers=readers,
            kept=kept_until_erased(retention.closed_request_days, "after the request or the access ended"),
        ),
        Kept(
            label="Reviewers’ words",
            what="what reviewers wrote to you on the request",
            why="so that a decision can be understood and appealed",
            readers=readers,
            kept=kept_until_erased(retention.review_note_days, "after it was written"),
        ),
        Kept(
            label="Draft",
            what="what you filled in and did not send",
            why="so that you can go on with it",
            readers="you",
            kept=kept_until_erased(retention.draft_days, "after you kept it"),
        ),
        Kept(
            label="Decision",
            what="that you asked, when, what was decided by whom, and the reason that was picked",
            why="evidence of who had access and why",
            readers=f"{readers}; the decision’s fingerprint stands in the public log",
            kept=FOR_GOOD,
        ),
    )
