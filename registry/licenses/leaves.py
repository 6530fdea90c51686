"""The facts about licenses that go into the log: a publication, and a second person's word on its change class."""

from registry.kernel.canonical import Json, canonical_bytes, canonical_digest
from registry.kernel.clock import iso
from registry.kernel.identifiers import sha256
from registry.licenses.domain import LEDGER_KIND, VERDICT_KIND, Terms, Verdict, Version


def leaf_of(version: Version, terms: Terms) -> bytes:
    """Return the ledger leaf of a publication (format 1): it commits to every column of the version's rows.

    Policies and restrictions go in by one digest over their canonical list, so that the leaf stays short. That a
    second person is asked for stands in it only where that is so.
    """
    asked: dict[str, Json] = {"asks_second": True} if version.asks_second else {}
    return canonical_bytes(
        {
            "v": 1,
            "kind": LEDGER_KIND,
            "at": iso(version.published_at),
            "license": {
                "id": str(version.license_id),
                "slug": version.slug,
                "title": version.title,
                "publisher": version.publisher,
            },
            "version": {
                "id": str(version.id),
                "number": version.number,
                "ordinal": version.ordinal,
                "series": version.series,
                "change_class": version.change_class.value,
                "sha256": version.sha256,
                "normalised": version.normalised_digest,
                "language": version.language,
                "effective_at": iso(version.effective_at),
                "published_by": str(version.published_by) if version.published_by else None,
                "recognised_as": version.recognised_as,
                **asked,
            },
            "terms": terms_digest(terms),
        }
    )


def verdict_leaf(version: Version, compared: Version, verdict: Verdict) -> bytes:
    """Return the ledger leaf of a second person's word (format 1): who said what of which text beside which."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": VERDICT_KIND,
            "at": iso(verdict.given_at),
            "outcome": verdict.outcome.value,
            "change_class": version.change_class.value,
            "version": {"id": str(version.id), "sha256": version.sha256},
            "compared_with": {"id": str(compared.id), "sha256": compared.sha256},
            "published_by": str(version.published_by) if version.published_by else None,
            "given_by": str(verdict.given_by),
            "reason_digest": sha256(verdict.reason.encode()) if verdict.reason is not None else None,
        }
    )


def terms_digest(terms: Terms) -> str:
    """Return the digest of policies (in order) and restrictions (by slug) of a version."""
    return canonical_digest(
        {
            "policies": [
                {
                    "title": policy.title,
                    "url": policy.url,
                    "sha256": policy.sha256,
                    "kept": policy.text is not None,
                }
                for policy in terms.policies
            ],
            "restrictions": [
                {"slug": one.slug, "strictness": one.strictness.value, "clause": one.clause}
                for one in sorted(terms.restrictions, key=lambda one: one.slug)
            ],
        }
    )
