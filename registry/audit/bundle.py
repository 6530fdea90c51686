"""The evidence bundle: acceptances of a publisher with all that proves them, in one archive to be verified offline.

Beside them stands who was imported from elsewhere, as what it is: no acceptance, of no known text.

Its format is documented in `docs/bundle-format.md`. The archive has one spelling only, so that whoever verifies it
notices every changed byte: members are stored, in a fixed order, with fixed dates and no other metadata.
"""

import base64
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, TypeVar
from uuid import UUID

from sqlmodel import Session

from registry import acceptances, ledger, licenses
from registry.acceptances import AcceptanceEvidence, ImportEvidence, ImportFilter
from registry.audit.reading import Register, RegisterAsked
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.exports import ROWS_PER_READ
from registry.kernel.identifiers import Digest, sha256
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sealing import Sealer

FORMAT = "gatehouse-bundle/1"
SIGNATURE_TYPE = "gatehouse-bundle+jws"
MOST_ACCEPTANCES = MOST_IMPORTS = 10_000
"""A bundle is made whole before it leaves; more are asked for in parts, by day or by model."""
_DATE = (1980, 1, 1, 0, 0, 0)

Sign = Callable[[bytes], str]
_Proved = TypeVar("_Proved", AcceptanceEvidence, ImportEvidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the bundle is about, as it was asked for, and whether contact data is disclosed in it."""

    register: RegisterAsked
    details: bool
    imports: bool = True
    """Whether imports are wanted beside acceptances."""

    @property
    def has_imports(self) -> bool:
        """Whether imports are in it: none is of a license."""
        return self.imports and not self.register.license

    def fact(self) -> dict[str, Json]:
        """Return what the index says about it."""
        asked = self.register
        return {
            "publisher": asked.publisher,
            "model": asked.model or None,
            "license": asked.license or None,
            "since": asked.since or None,
            "until": asked.until or None,
            "details": self.details,
            "imports": self.has_imports,
        }


@dataclass(slots=True)
class _Archive:
    """A ZIP in its one spelling, with the digest of each member."""

    file: zipfile.ZipFile
    members: list[dict[str, Json]] = field(default_factory=list)

    def add(self, path: str, data: bytes) -> None:
        self.members.append({"path": path, "sha256": str(sha256(data)), "size": len(data)})
        write_member(self.file, path, data)


def write_member(file: zipfile.ZipFile, path: str, data: bytes) -> None:
    """Add a member in the one way that bundles have."""
    info = zipfile.ZipInfo(path, date_time=_DATE)
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    file.writestr(info, data, compress_type=zipfile.ZIP_STORED)


def build_bundle(
    session: Session,
    register: Register,
    asked: Asked,
    *,
    sealer: Sealer,
    sign: Sign,
    base_url: str,
    now: datetime,
) -> IO[bytes] | Refusal:
    """Return the archive as an open file without a name, or why there is none; whoever takes it closes it."""
    found = _collect(session, register, sealer=sealer, details=asked.details)
    if found is None:
        return _too_many("acceptances", MOST_ACCEPTANCES)
    imports = _collect_imports(session, register, asked, sealer=sealer)
    if imports is None:
        return _too_many("imports", MOST_IMPORTS)
    entries = [one.entry_id for one in found] + [one.withdrawal[0] for one in found if one.withdrawal]
    entries += [one.entry_id for one in imports] + [one.upgrade[0] for one in imports if one.upgrade]
    proven = _prove(session, entries)
    if proven is None:
        return _nothing_published()
    checkpoint, proofs = proven
    published = [one for one in found if one.entry_id in proofs]
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is handed on, open
    with zipfile.ZipFile(file, "w") as zipped:
        archive = _Archive(zipped)
        _add_ground(session, archive, checkpoint)
        for path, data in sorted(_texts(session, published).items()):
            archive.add(path, data)
        _add_facts(archive, published, proofs)
        _add_imports(archive, [one for one in imports if one.entry_id in proofs], proofs)
        index = canonical_bytes(
            {
                "format": FORMAT,
                "registry": base_url,
                "made_at": iso(now),
                "asked": asked.fact(),
                "unpublished": len(entries) - len(proofs),
                "members": archive.members,
            }
        )
        write_member(zipped, "index.json", index)
        signed: dict[str, Json] = {
            "iss": base_url,
            "iat": int(now.timestamp()),
            "index": str(sha256(index)),
            "format": FORMAT,
        }
        write_member(zipped, "signature.jws", sign(canonical_bytes(signed)).encode())
    return file


def _collect(
    session: Session, register: Register, *, sealer: Sealer, details: bool
) -> Sequence[AcceptanceEvidence] | None:
    """Return everything that is asked for, newest first; None where it is too much for one bundle."""
    found: list[AcceptanceEvidence] = []
    after: UUID | None = None
    while True:
        page = acceptances.list_evidence(
            session, register.wanted, sealer=sealer, details=details, after=after, limit=ROWS_PER_READ
        )
        found += page
        if len(found) > MOST_ACCEPTANCES:
            return None
        if len(page) < ROWS_PER_READ:
            return found
        after = page[-1].id


def _collect_imports(
    session: Session, register: Register, asked: Asked, *, sealer: Sealer
) -> Sequence[ImportEvidence] | None:
    """Return every import that is asked for, newest first; None where it is too much for one bundle."""
    if not asked.has_imports:
        return ()
    wanted = ImportFilter(
        model_ids=register.model_ids, since=register.wanted.since, until=register.wanted.until
    )
    found: list[ImportEvidence] = []
    after: UUID | None = None
    while True:
        page = acceptances.list_import_evidence(
            session, wanted, sealer=sealer, details=asked.details, after=after, limit=ROWS_PER_READ
        )
        found += page
        if len(found) > MOST_IMPORTS:
            return None
        if len(page) < ROWS_PER_READ:
            return found
        after = page[-1].id


def _prove(
    session: Session, entries: Sequence[UUID]
) -> tuple[ledger.SignedCheckpoint, Mapping[UUID, ledger.Inclusion]] | None:
    """Return one tree head, and the way to it from each of the entries that it covers."""
    newest = ledger.latest_checkpoint(session)
    if newest is None:
        return None
    indices: dict[UUID, int] = {}
    for start in range(0, len(entries), ROWS_PER_READ):
        indices |= ledger.find_indices(session, entries[start : start + ROWS_PER_READ])
    covered = {entry: index for entry, index in indices.items() if index < newest.size}
    last = max(covered.values(), default=newest.size - 1)
    checkpoint = ledger.best_checkpoint_over(session, last) or newest
    return checkpoint, ledger.prove_entries(session, covered, checkpoint=checkpoint)


def _add_ground(session: Session, archive: _Archive, checkpoint: ledger.SignedCheckpoint) -> None:
    """Add what everything else leads to: the keys, the tree head, and what others say about it."""
    keys: list[Json] = [key.jwk() for key in ledger.list_published_keys(session)]
    stamps: list[Json] = [
        {"authority": one.authority, "response": base64.b64encode(one.response).decode()}
        for one in checkpoint.timestamps
    ]
    archive.add("keys.json", canonical_bytes({"keys": keys}))
    archive.add("checkpoint.txt", checkpoint.whole_note.encode())
    archive.add("timestamps.json", canonical_bytes({"timestamps": stamps}))


def _texts(session: Session, published: Sequence[AcceptanceEvidence]) -> dict[str, bytes]:
    """Return each text that was accepted, and each that it includes, under its digest."""
    texts: dict[str, bytes] = {}
    for version_id in {one.license_version_id for one in published}:
        version = licenses.get_version_by_id(session, version_id)
        included = [one.text for one in licenses.list_policies(session, version_id) if one.text is not None]
        texts |= {f"texts/{_hex(sha256(text))}.txt": text for text in [version.text, *included]}
    return texts


def _add_facts(
    archive: _Archive, published: Sequence[AcceptanceEvidence], proofs: Mapping[UUID, ledger.Inclusion]
) -> None:
    for one in _in_order(published, proofs):
        _add_statement(archive, "acceptance", one, proofs[one.entry_id])
    ends = [(one, one.withdrawal) for one in published if one.withdrawal is not None]
    _add_leaves(archive, "withdrawals", "acceptance", ends, proofs)


def _add_imports(
    archive: _Archive, published: Sequence[ImportEvidence], proofs: Mapping[UUID, ledger.Inclusion]
) -> None:
    for one in _in_order(published, proofs):
        _add_statement(archive, "import", one, proofs[one.entry_id])
    links = [(one, one.upgrade) for one in published if one.upgrade is not None]
    _add_leaves(archive, "upgrades", "import", links, proofs)


def _in_order(published: Sequence[_Proved], proofs: Mapping[UUID, ledger.Inclusion]) -> Sequence[_Proved]:
    return sorted(published, key=lambda one: proofs[one.entry_id].index)


def _add_statement(
    archive: _Archive, name: str, one: AcceptanceEvidence | ImportEvidence, proof: ledger.Inclusion
) -> None:
    fact: dict[str, Json] = {name: str(one.id), "sd_jwt": "~".join((one.statement, *one.disclosures, ""))}
    archive.add(f"{name}s/{proof.index}.json", canonical_bytes(fact | _way(proof)))


def _add_leaves(
    archive: _Archive,
    folder: str,
    name: str,
    facts: Sequence[tuple[AcceptanceEvidence | ImportEvidence, tuple[UUID, bytes]]],
    proofs: Mapping[UUID, ledger.Inclusion],
) -> None:
    """Add what became of them, as far as the log has published it: entry and leaf of each."""
    known = [(proofs[entry], one.id, leaf) for one, (entry, leaf) in facts if entry in proofs]
    for proof, about, leaf in sorted(known, key=lambda fact: fact[0].index):
        fact: dict[str, Json] = {name: str(about), "leaf": leaf.decode()}
        archive.add(f"{folder}/{proof.index}.json", canonical_bytes(fact | _way(proof)))


def _way(proof: ledger.Inclusion) -> dict[str, Json]:
    path: list[Json] = [base64.b64encode(node).decode() for node in proof.path]
    return {"index": proof.index, "inclusion_proof": path}


def _hex(digest: Digest) -> str:
    return str(digest).removeprefix("sha256:")


def _too_many(what: str, most: int) -> Refusal:
    return Refusal(
        code="bundle-too-large",
        status=422,
        title=f"One bundle does not hold so many {what}",
        detail=f"A bundle holds at most {most:,} {what}; more are asked for here.",
        remedy=Remedy(
            text="Ask for fewer: one model, one license version, or the days between since and until; imports can be left out"
        ),
    )


def _nothing_published() -> Refusal:
    return Refusal(
        code="bundle-not-ready",
        status=409,
        title="The log has no checkpoint yet",
        detail="A bundle leads to a signed checkpoint, and this log has not published one.",
        remedy=Remedy(text="Ask again in a few seconds", url="/ledger/checkpoint"),
    )
