"""The registry's JSON API, one thin method per call; values in, values out."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from registry.client.answers import (
    Decision,
    ModelInfo,
    PublishedRelease,
    Upload,
    read_decision,
    read_model,
    read_upload,
)
from registry.client.errors import Malformed, UsageProblem, printable
from registry.client.keys import PublicKey, parse_key_set
from registry.client.release import SignedManifest
from registry.client.transport import Redirect, Session, safe_path
from registry.client.webhooks import Webhooks
from registry.client.wire import Fields, JsonObject

INLINE_MAX_BYTES = 8 << 20
"""Longest file that the registry may serve itself; longer ones come from the store."""
PAGES_MAX_COUNT = 10_000
RECEIPT_MEDIA_TYPE = "application/vnd.gatehouse.receipt+json"
RECEIPT_MAX_BYTES = 64 << 20
LICENSE_TEXT_MAX_BYTES = 4 << 20
EXPORT_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}

_MODEL = re.compile(r"[A-Za-z0-9_.-]{1,96}/[A-Za-z0-9_.-]{1,96}\Z")
_LICENSE = re.compile(
    r"(?P<slug>[a-z0-9][a-z0-9.+-]{0,63})(?:@(?P<number>[A-Za-z0-9][A-Za-z0-9.+-]{0,31}))?\Z"
)


def parse_model_id(text: str) -> tuple[str, str]:
    """Return publisher and model of `publisher/model`.

    Raises:
        UsageProblem: it has another form.
    """
    if not _MODEL.match(text) or any(part in {".", ".."} for part in text.split("/")):
        raise UsageProblem(
            f"not a model: {printable(text, limit=200)!r}", advice=("Write it as publisher/model.",)
        )
    publisher, _, name = text.partition("/")
    return publisher, name


def parse_license_reference(text: str) -> tuple[str, str | None]:
    """Return slug and number of `slug@number`; None as number for `slug` alone.

    Raises:
        UsageProblem: it has another form.
    """
    match = _LICENSE.match(text)
    if match is None:
        raise UsageProblem(
            f"not a license: {printable(text, limit=200)!r}", advice=("Write it as slug@1.1, or slug alone.",)
        )
    return match["slug"], match["number"]


def parse_license_version(text: str) -> tuple[str, str]:
    """Return slug and number of `slug@number`.

    Raises:
        UsageProblem: the number is missing, or it has another form.
    """
    slug, number = parse_license_reference(text)
    if number is None:
        raise UsageProblem(
            f"{text} does not say which version", advice=(f"Write it with its number: {slug}@1.1",)
        )
    return slug, number


class Registry:
    """One registry, through one session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def whoami(self) -> Fields:
        """Return who the token belongs to, and what it may do."""
        return self.session.get_json("/api/v1/whoami")

    def fetch_keys(self) -> tuple[tuple[PublicKey, ...], list[JsonObject]]:
        """Return all public keys of the registry, parsed and as they were sent."""
        answer = self.session.get_json("/api/v1/keys")
        raw = [key.value for key in answer.members("keys")]
        return parse_key_set(answer.value, where="the registry's keys"), raw

    # Models

    def list_models(self, filters: dict[str, str], *, mine: bool, limit: int) -> Iterator[Fields]:
        """Yield models that fit `filters` (search, license, gate), or of them those that the caller may download."""
        path = "/api/v1/whoami/models" if mine else "/api/v1/models"
        return self._pages(path, {**filters, "limit": str(min(limit, 100))}, limit=limit)

    def get_model(self, publisher: str, name: str, *, revision: str) -> ModelInfo:
        """Return the model at `revision`."""
        path = f"/api/v1/models/{safe_path(publisher, name)}"
        return read_model(
            self.session.get_json(path, query={"revision": revision}), absolute=self.session.absolute
        )

    def get_access(self, publisher: str, name: str, *, revision: str) -> Decision:
        """Return whether the caller may have the files, and if not what is missing."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/access"
        return read_decision(
            self.session.get_json(path, query={"revision": revision}), absolute=self.session.absolute
        )

    def explain(self, publisher: str, name: str, *, person: str | None = None) -> Fields:
        """Return the decision about the caller with every reason it looked at; operators ask for a `person` too."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/access"
        return self.session.get_json(path, query={"person": person} if person else None)

    def get_manifest(self, publisher: str, name: str, *, commit: str) -> SignedManifest:
        """Return the signed manifest of a release."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/releases/{safe_path(commit)}/manifest"
        answer = self.session.get_json(path)
        return SignedManifest(
            manifest=answer.text("manifest"), digest=answer.text("digest"), signature=answer.text("signature")
        )

    def locate(self, publisher: str, name: str, *, commit: str, path: str) -> Redirect | bytes:
        """Return where a file is in the store, or the bytes of a small text; the registry records it."""
        address = f"/{safe_path(publisher, name)}/resolve/{safe_path(commit)}/{safe_path(*path.split('/'))}"
        return self.session.locate(address, limit=INLINE_MAX_BYTES)

    # Releases that are to be given up

    def list_updates(self) -> list[Fields]:
        """Return the releases that the caller was told to give up."""
        return self.session.get_json("/api/v1/updates").members("items")

    def acknowledge_update(self, update_id: str) -> Fields:
        """Say that the caller has read it; said once, it stays."""
        path = f"/api/v1/updates/{safe_path(update_id)}/answers"
        return self.session.post_json(path, {"state": "acknowledged"}, idempotent=True)

    def list_must_updates(self, publisher: str, name: str) -> list[Fields]:
        """Return the releases of a model that are to be given up."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/must-updates"
        return self.session.get_json(path).members("items")

    def count_holders(self, publisher: str, name: str, update_id: str) -> Fields:
        """Return how many were told, and how many have said what."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/must-updates/{safe_path(update_id)}/holders"
        return self.session.get_json(path, query={"limit": "1"})

    def stream_holders(self, publisher: str, name: str, update_id: str, *, form: str) -> Iterator[bytes]:
        """Yield those who were told piece by piece, as `csv` or `jsonl`."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/must-updates/{safe_path(update_id)}/holders"
        return self.session.stream(path, query={"format": form}, accept=EXPORT_TYPES[form])

    # Imports

    def import_acceptors(self, publisher: str, name: str, body: JsonObject) -> Fields:
        """Record who accepted elsewhere, some rows of a report at a time; rows sent twice change nothing."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/acceptors"
        return self.session.post_json(path, body, idempotent=True)

    def invite_acceptors(self, publisher: str, name: str, *, dry_run: bool) -> int:
        """Have everybody invited who was imported without an invitation; return how many. A second time it is nobody."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/acceptors/invitations"
        return self.session.post_json(path, {"dry_run": dry_run}, idempotent=True).number("asked")

    # Mirrors at the Hub

    def store_hub_token(self, publisher: str, token: str) -> Fields:
        """Store the token that the publisher's repositories at the Hub are managed with."""
        path = f"/api/v1/publishers/{safe_path(publisher)}/hub-token"
        return self.session.post_json(path, {"token": token}, idempotent=True)

    def get_mirror(self, publisher: str, name: str) -> Fields:
        """Return how the pairing of a model with a repository of the Hub stands."""
        return self.session.get_json(f"/api/v1/models/{safe_path(publisher, name)}/hub")

    def link_mirror(self, publisher: str, name: str, body: JsonObject) -> Fields:
        """Pair a model with a repository."""
        return self.session.post_json(
            f"/api/v1/models/{safe_path(publisher, name)}/hub", body, idempotent=False
        )

    def import_hub_repository(self, publisher: str, name: str, body: JsonObject) -> Fields:
        """Make a model out of a gated repository and pair the two; a second time nothing is changed."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/hub/import"
        return self.session.post_json(path, body, idempotent=True)

    def plan_mirror(self, publisher: str, name: str) -> Fields:
        """Return what would be done at the Hub."""
        return self.session.get_json(f"/api/v1/models/{safe_path(publisher, name)}/hub/plan")

    def apply_mirror(self, publisher: str, name: str, *, card: str | None = None) -> Fields:
        """Bring the repository in line now, and keep it so; `card` says whose is taken where both sides changed it."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/hub/apply{f'?card={card}' if card else ''}"
        return self.session.post_json(path, {}, idempotent=False)

    def unlink_mirror(self, publisher: str, name: str) -> Fields:
        """End the pairing."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/hub/unlink"
        return self.session.post_json(path, {}, idempotent=False)

    def webhooks(self, publisher: str) -> Webhooks:
        """Return the webhooks of a publisher."""
        return Webhooks(self.session, publisher)

    # Publishing

    def add_publisher(self, body: JsonObject) -> Fields:
        """Create a publisher; who creates it owns it."""
        return self.session.post_json("/api/v1/publishers", body, idempotent=False)

    def plan_uploads(self, publisher: str, name: str, files: Sequence[tuple[str, int]]) -> list[Upload]:
        """Return for each digest and size whether it is stored, or the upload to go on with."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/uploads"
        body: JsonObject = {"files": [{"sha256": sha256, "size": size} for sha256, size in files]}
        # Planning the same digests again gives the same uploads.
        answer = self.session.post_json(path, body, idempotent=True)
        return [read_upload(one) for one in answer.members("uploads")]

    def sign_parts(self, upload_id: str, numbers: Sequence[int]) -> dict[int, str]:
        """Return a presigned URL for each part."""
        path = f"/api/v1/uploads/{safe_path(upload_id)}/parts"
        answer = self.session.post_json(path, {"numbers": list(numbers)}, idempotent=True)
        return {part.number("number"): part.text("url") for part in answer.members("parts")}

    def get_upload(self, upload_id: str) -> Upload:
        """Return an upload as it stands."""
        return read_upload(self.session.get_json(f"/api/v1/uploads/{safe_path(upload_id)}"))

    def complete_upload(self, upload_id: str) -> None:
        """Have the parts made one object and verified; repeating it changes nothing."""
        self.session.post_json(f"/api/v1/uploads/{safe_path(upload_id)}/complete", {}, idempotent=True)

    def plan_restrictions(self, publisher: str, name: str, body: JsonObject) -> Fields:
        """Return what a release with a card and licenses would have to carry on of its bases."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/bases/restrictions/plan"
        return self.session.post_json(path, body, idempotent=True)

    def publish_release(self, publisher: str, name: str, body: JsonObject) -> PublishedRelease:
        """Publish the release that `body` states."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/releases"
        answer = self.session.post_json(path, body, idempotent=False)
        return PublishedRelease(
            commit=answer.text("commit"),
            url=self.session.absolute(answer.text("url")),
            manifest_digest=answer.text("manifest_digest"),
            # A registry of before this was told says nothing.
            unexplained=tuple(answer.texts("unexplained")) if "unexplained" in answer.value else (),
        )

    # Licenses

    def list_licenses(self, *, limit: int) -> Iterator[Fields]:
        """Yield licenses, each with its latest version, at most `limit`."""
        return self._pages("/api/v1/licenses", {"limit": str(min(limit, 100))}, limit=limit)

    def get_license(self, slug: str) -> Fields:
        """Return a license with its versions."""
        return self.session.get_json(f"/api/v1/licenses/{safe_path(slug)}")

    def get_license_version(self, slug: str, number: str) -> Fields:
        """Return one version of a license."""
        return self.session.get_json(f"/api/v1/licenses/{safe_path(slug, number)}")

    def get_license_text(self, slug: str, number: str) -> bytes:
        """Return the exact bytes of a license version."""
        path = f"/licenses/{safe_path(slug)}/{safe_path(number)}.txt"
        return self.session.get_bytes(path, accept="text/plain", limit=LICENSE_TEXT_MAX_BYTES)

    def compare_license(self, slug: str, *, old: str, new: str) -> Fields:
        """Return what changed between two versions of a license, clause by clause."""
        return self.session.get_json(
            f"/api/v1/licenses/{safe_path(slug)}/compare", query={"from": old, "to": new}
        )

    def add_license_version(self, body: JsonObject) -> Fields:
        """Publish a license version; the same bytes under the same number give the same version."""
        return self.session.post_json("/api/v1/licenses", body, idempotent=True)

    # Accepting

    def get_acceptance_form(self, publisher: str, name: str) -> Fields:
        """Return the whole texts that the caller has still to accept, and what is asked with them."""
        return self.session.get_json(f"/api/v1/models/{safe_path(publisher, name)}/acceptance")

    def declare_acceptance(self, publisher: str, name: str, act: JsonObject) -> Fields:
        """Return what is to be signed; nothing is recorded."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/acceptance/declaration"
        return self.session.post_json(path, act, idempotent=True)

    def accept_with_signature(self, publisher: str, name: str, body: JsonObject) -> Fields:
        """Accept by a signed declaration; repeating it gives the same acceptances."""
        path = f"/api/v1/models/{safe_path(publisher, name)}/acceptance"
        return self.session.post_json(path, body, idempotent=True)

    # Records

    def list_receipts(self) -> Iterator[Fields]:
        """Yield the caller's own acceptances."""
        return self._pages("/api/v1/receipts", {}, limit=PAGES_MAX_COUNT)

    def get_receipt(self, receipt_id: str) -> bytes:
        """Return a receipt file."""
        path = f"/api/v1/receipts/{safe_path(receipt_id)}"
        return self.session.get_bytes(path, accept=RECEIPT_MEDIA_TYPE, limit=RECEIPT_MAX_BYTES)

    def get_receipt_pdf(self, receipt_id: str) -> bytes:
        """Return a receipt as pages for print, with the receipt file attached."""
        path = f"/api/v1/receipts/{safe_path(receipt_id)}/pdf"
        return self.session.get_bytes(path, accept="application/pdf", limit=RECEIPT_MAX_BYTES)

    def stream_audit(self, kind: str, query: dict[str, str]) -> Iterator[bytes]:
        """Yield an export of `acceptances` or `downloads` piece by piece."""
        accept = EXPORT_TYPES.get(query.get("format", ""), "*/*")
        return self.session.stream(f"/api/v1/audit/{safe_path(kind)}", query=query, accept=accept)

    def get_download_proof(self, publisher: str, record_id: str) -> bytes:
        """Return the proof that a download record is one of its day's, as the log has bound them."""
        path = f"/api/v1/audit/downloads/{safe_path(record_id)}/proof"
        return b"".join(self.session.stream(path, query={"publisher": publisher}, accept="application/json"))

    def ask_holders(self, query: dict[str, str], *, whole: bool) -> JsonObject:
        """Return what held for everybody at a moment, and who held access: all people, or the first few."""
        path = "/api/v1/audit/holders"
        answer = self.session.get_json(path, query=query | {"limit": "200"})
        found = dict(answer.value)
        items = answer.values("items")
        for _ in range(PAGES_MAX_COUNT if whole else 0):
            following = answer.maybe_text("next")
            if following is None:
                break
            answer = self.session.get_json(self._own_path(following))
            items += answer.values("items")
        return {name: value for name, value in found.items() if name != "next"} | {"items": items}

    def _pages(self, path: str, query: dict[str, str], *, limit: int) -> Iterator[Fields]:
        """Yield the items of all pages, following `next` within the registry."""
        answer = self.session.get_json(path, query=query)
        given = 0
        for _ in range(PAGES_MAX_COUNT):
            for item in answer.members("items"):
                if given >= limit:
                    return
                given += 1
                yield item
            following = answer.maybe_text("next")
            if following is None or given >= limit:
                return
            answer = self.session.get_json(self._own_path(following))

    def _own_path(self, reference: str) -> str:
        """Return path and query of an address; whatever host it names, it is asked of this registry."""
        parts = urlsplit(self.session.absolute(reference) or "")
        path = parts.path.removeprefix(urlsplit(self.session.endpoint).path)
        if not path.startswith("/api/"):
            raise Malformed("the registry's list goes on at an address that is none")
        return f"{path}?{parts.query}"
