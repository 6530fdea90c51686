"""Offline verification of an evidence bundle: every statement, text and withdrawal in it, under one checkpoint.

The order of the steps is the order of `CHECKS`; a step runs only if all before it have passed:

 1. archive      a ZIP in the one spelling that bundles have (`bundle.read_archive`)
 2. index        `index.json` is that of a bundle
 3. members      each member has the digest that the index gives; none is missing, none was added
 4. keys         the key that signed the index is trusted; only where none are given, the bundle's own are used
 5. signature    that key has signed the digest of the index, as a bundle and as nothing else
 6. texts        each text is what its name says, its SHA-256
 7. acceptances  each statement stands the steps of a receipt, keys to validity, with text and checkpoint of the bundle
 8. withdrawals  each leads to the same checkpoint and speaks of an acceptance in the bundle
 9. imports      each says that a report says so, of no text, with grade C, and each link from one to an acceptance is in the log
10. checkpoint   the log's key has signed the tree head
11. witnesses    each witness whose key is given has cosigned it
12. timestamps   each time stamp is of it, by an authority that leads to the given certificates
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from registry.client.bundle import INDEX, SIGNATURE, Index, check_members, read_archive, read_index
from registry.client.errors import ClientError, VerificationFailed, printable
from registry.client.jws import check_signature, find_key, parse_compact
from registry.client.keys import KeyUse, PublicKey, parse_key_set
from registry.client.merkle import leaf_hash, root_from_path
from registry.client.notes import Checkpoint, check_checkpoint, find_signers, parse_checkpoint
from registry.client.others import NOBODY_ELSE, Others, check_timestamps, check_witnesses
from registry.client.receipt import (
    LedgerProof,
    LicenseCopy,
    PolicyCopy,
    Receipt,
    TimestampCopy,
    parse_path,
    parse_timestamps,
)
from registry.client.sd_jwt import UnverifiedSDJWT, read_claims, split_sd_jwt
from registry.client.steps import StepResult, find_failure, run_steps
from registry.client.verify import IMPORT_TYPE, STATEMENT_TYPE, Trust, TrustedKeys, check_statement
from registry.client.wire import Fields, JsonObject, parse_json

SIGNATURE_TYPE = "gatehouse-bundle+jws"
IMPORT_GRADE, TEXT_UNKNOWN = "C", "unknown"
FACT_KINDS = {"withdrawal": "withdrawal", "upgrade": "import.upgraded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleVerification:
    """The outcome: every step, and what is in the bundle if all of them passed."""

    steps: tuple[StepResult, ...]
    trust: Trust
    index: Index | None
    statements: tuple[JsonObject, ...]
    """Claims of all acceptances, oldest first; empty unless the bundle is verified."""
    withdrawn: frozenset[str]
    """Ids of acceptances that are withdrawn in it."""
    imports: tuple[JsonObject, ...]
    """Claims of all imports, oldest first: no acceptances, of no known text; empty unless the bundle is verified."""
    upgraded: Mapping[str, str]
    """By the id of an import the id of the acceptance that the same person gave here."""

    @property
    def failure(self) -> StepResult | None:
        """The step that failed, if one did."""
        return find_failure(self.steps)


@dataclass(slots=True, kw_only=True)
class _Evidence:
    data: bytes
    trusted: TrustedKeys | None
    others: Others
    members: dict[str, bytes] = field(default_factory=dict)
    index: Index | None = None
    own_keys: tuple[PublicKey, ...] = ()
    trust: Trust = Trust.EMBEDDED
    signer: PublicKey | None = None
    statements: dict[str, JsonObject] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    imports: dict[str, JsonObject] = field(default_factory=dict)
    upgraded: dict[str, str] = field(default_factory=dict)

    def known_index(self) -> Index:
        """Return the index that step 2 has read."""
        if self.index is None:
            raise VerificationFailed("the index was not read")
        return self.index

    def checkpoint(self) -> Checkpoint:
        """Return the tree head that everything leads to."""
        return parse_checkpoint(self.note())

    def note(self) -> str:
        """Return the signed note of the tree head."""
        return _text(self.members["checkpoint.txt"], "checkpoint.txt")

    def stamps(self) -> tuple[TimestampCopy, ...]:
        """Return the time stamps over it."""
        return parse_timestamps(_fields(self.members, "timestamps.json"))


def verify_bundle(
    data: bytes, *, trusted: TrustedKeys | None = None, others: Others = NOBODY_ELSE
) -> BundleVerification:
    """Return how each step ended for the bundle in `data`; never raises for a bad bundle."""
    evidence = _Evidence(data=data, trusted=trusted, others=others)
    results = run_steps(CHECKS, evidence)
    failed = find_failure(results) is not None
    return BundleVerification(
        steps=results,
        trust=evidence.trust,
        index=evidence.index,
        statements=() if failed else tuple(evidence.statements.values()),
        withdrawn=frozenset() if failed else frozenset(evidence.withdrawn),
        imports=() if failed else tuple(evidence.imports.values()),
        upgraded={} if failed else evidence.upgraded,
    )


def _check_archive(evidence: _Evidence) -> str:
    evidence.members = read_archive(evidence.data)
    return f"a plain archive of {len(evidence.members)} members, unaltered around them"


def _check_index(evidence: _Evidence) -> str:
    index = evidence.index = read_index(evidence.members)
    about = index.publisher + (f"/{index.model.rpartition('/')[2]}" if index.model else "")
    late = (
        f"; {index.unpublished} fact(s) were not in the log yet and are left out" if index.unpublished else ""
    )
    return f"a bundle of {printable(about, limit=200)}, made {index.made_at}{late}"


def _check_members(evidence: _Evidence) -> str:
    return check_members(evidence.members, evidence.known_index())


def _check_keys(evidence: _Evidence) -> str:
    """Choose the keys as for a receipt: trusted ones always win over the bundle's own."""
    kid = parse_compact(_text(evidence.members[SIGNATURE], SIGNATURE), what=SIGNATURE).kid
    keys = evidence.own_keys = parse_key_set(_json(evidence.members, "keys.json"), where="keys.json")
    trusted = evidence.trusted
    if trusted is not None and (
        trusted.source is Trust.GIVEN or find_key(trusted.keys, kid=kid, use=KeyUse.STATEMENT) is not None
    ):
        keys, evidence.trust = trusted.keys, trusted.source
    evidence.signer = find_key(keys, kid=kid, use=KeyUse.STATEMENT)
    if evidence.signer is None:
        where = "the given keys" if evidence.trust is Trust.GIVEN else "the bundle's own keys"
        raise VerificationFailed(
            f"the index is signed with key {printable(kid, limit=60)!r}, which is not among {where}"
        )
    return {
        Trust.GIVEN: f"the signer's key {kid} is one of the keys you gave",
        Trust.PINNED: f"the signer's key {kid} is one that this registry showed when you signed in",
        Trust.EMBEDDED: f"the signer's key {kid} is known from the bundle only",
    }[evidence.trust]


def _check_signature(evidence: _Evidence) -> str:
    token = parse_compact(_text(evidence.members[SIGNATURE], SIGNATURE), what=SIGNATURE)
    if evidence.signer is None:
        raise VerificationFailed("the signer's key was not found")
    check_signature(token, evidence.signer, what=SIGNATURE)
    if token.typ != SIGNATURE_TYPE:
        raise VerificationFailed(
            f"{SIGNATURE} has the type {printable(token.typ or 'missing', limit=80)}, expected {SIGNATURE_TYPE}"
        )
    signed = Fields(read_claims(token, what=SIGNATURE), where=SIGNATURE)
    digest = "sha256:" + hashlib.sha256(evidence.members[INDEX]).hexdigest()
    if signed.text("index") != digest:
        raise VerificationFailed(
            f"{INDEX} was altered: it has {digest}, signed was {printable(signed.text('index'), limit=80)}"
        )
    moment = _moment(signed.number("iat"))
    if (trouble := evidence.signer.trouble_at(moment)) is not None:
        raise VerificationFailed(f"key {evidence.signer.kid} could not sign the index then: {trouble}")
    return f"{printable(signed.text('iss'), limit=300)} has signed the index, {moment.isoformat()}"


def _check_texts(evidence: _Evidence) -> str:
    found = 0
    for path, content in evidence.members.items():
        if not path.startswith("texts/"):
            continue
        found += 1
        digest = hashlib.sha256(content).hexdigest()
        if path != f"texts/{digest}.txt":
            raise VerificationFailed(f"{path} is another text: its SHA-256 is {digest}")
    return f"{found} text(s), each with the SHA-256 that its name gives"


def _check_acceptances(evidence: _Evidence) -> str:
    for path, acceptance, claims in _read_statements(evidence, "acceptance", typ=STATEMENT_TYPE):
        if acceptance in evidence.statements:
            raise VerificationFailed(f"{path}: the same acceptance stands in the bundle twice")
        evidence.statements[acceptance] = claims
    return f"{len(evidence.statements)} statement(s), each signed, of a text in the bundle, and in the log"


def _read_statements(evidence: _Evidence, name: str, *, typ: str) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield path, id and claims of each statement in the folder of these, after every step that is about it alone."""
    note, stamps, head = evidence.note(), evidence.stamps(), evidence.checkpoint()
    for path in _paths(evidence, f"{name}s/"):
        try:
            fields = _fields(evidence.members, path)
            receipt = _receipt(evidence, fields, path, typ=typ, note=note, head=head, stamps=stamps)
            checked = check_statement(receipt, trusted=evidence.trusted, typ=typ)
            stated = fields.text(name)
            if checked.statement.get("jti") != stated:
                raise VerificationFailed(f"its statement is of another {name}")
        except ClientError as error:
            raise VerificationFailed(f"{path}: {error.message}") from None
        if checked.trust is Trust.EMBEDDED:
            # The whole is only as trusted as its weakest part.
            evidence.trust = Trust.EMBEDDED
        yield path, stated, checked.statement


def _receipt(
    evidence: _Evidence,
    fields: Fields,
    path: str,
    *,
    typ: str,
    note: str,
    head: Checkpoint,
    stamps: tuple[TimestampCopy, ...],
) -> Receipt:
    """Return the receipt that a statement and the members around it make."""
    sd_jwt = split_sd_jwt(fields.text("sd_jwt"), what="the statement")
    return Receipt(
        registry=evidence.known_index().registry,
        sd_jwt=sd_jwt,
        license=_license(evidence, sd_jwt) if typ == STATEMENT_TYPE else None,
        ledger=LedgerProof(
            origin=head.origin,
            index=_index(fields, path),
            tree_size=head.tree_size,
            leaf_hash=leaf_hash(sd_jwt.issuer_jwt.encode("ascii")),
            inclusion_proof=parse_path(fields),
            checkpoint=note,
            timestamps=stamps,
        ),
        keys=evidence.own_keys,
    )


def _license(evidence: _Evidence, sd_jwt: UnverifiedSDJWT) -> LicenseCopy:
    """Return the text that a statement names, from the bundle, with what it includes."""
    claims = read_claims(sd_jwt.jws, what="the statement")
    signed = Fields(claims, where="statement").member("license")
    text = _find_text(evidence, signed.text("sha256"))
    if text is None:
        raise VerificationFailed(
            f"its text {printable(signed.text('sha256'), limit=80)} is not in the bundle"
        )
    included = [] if signed.value.get("policies") is None else signed.members("policies")
    return LicenseCopy(
        slug=signed.text("slug"),
        number=signed.text("number"),
        title=signed.text("title"),
        sha256=signed.text("sha256"),
        text=text,
        policies=tuple(
            PolicyCopy(
                title=one.text("title"),
                url=one.maybe_text("url"),
                sha256=one.maybe_text("sha256"),
                text=_find_text(evidence, one.maybe_text("sha256") or ""),
            )
            for one in included
        ),
    )


def _find_text(evidence: _Evidence, digest: str) -> bytes | None:
    return evidence.members.get(f"texts/{digest.removeprefix('sha256:')}.txt")


def _check_withdrawals(evidence: _Evidence) -> str:
    for path, acceptance, _ in _read_facts(evidence, "withdrawal", of="acceptance"):
        if acceptance not in evidence.statements:
            raise VerificationFailed(f"{path}: the acceptance that it ends is not in the bundle")
        evidence.withdrawn.add(acceptance)
    return f"{len(evidence.withdrawn)} withdrawal(s), each in the log and of an acceptance in the bundle"


def _check_imports(evidence: _Evidence) -> str:
    """An import must not pass for more than it is, whoever has signed it."""
    for path, imported, claims in _read_statements(evidence, "import", typ=IMPORT_TYPE):
        if imported in evidence.imports:
            raise VerificationFailed(f"{path}: the same import stands in the bundle twice")
        if claims.get("grade") != IMPORT_GRADE:
            raise VerificationFailed(f"{path}: it claims another grade than {IMPORT_GRADE}")
        if claims.get("text") != TEXT_UNKNOWN or "license" in claims:
            raise VerificationFailed(f"{path}: it claims to know which text was accepted")
        evidence.imports[imported] = claims
    for path, imported, acceptance in _read_facts(evidence, "upgrade", of="import"):
        if imported not in evidence.imports:
            raise VerificationFailed(f"{path}: the import that it links is not in the bundle")
        if imported in evidence.upgraded:
            raise VerificationFailed(f"{path}: the same import is linked twice")
        evidence.upgraded[imported] = acceptance
    if not evidence.imports:
        return "nobody was imported"
    count, linked = len(evidence.imports), len(evidence.upgraded)
    said = f"{count} import(s), no acceptances: grade C, text unknown, each signed and in the log"
    return f"{said}; {linked} linked to an acceptance of the same person"


def _read_facts(evidence: _Evidence, name: str, *, of: str) -> Iterator[tuple[str, str, str]]:
    """Yield of each fact in the folder of these its path, what it is about and its acceptance, once it led to the checkpoint."""
    head = evidence.checkpoint()
    for path in _paths(evidence, f"{name}s/"):
        try:
            fields = _fields(evidence.members, path)
            leaf = fields.text("leaf").encode()
            root = root_from_path(
                index=_index(fields, path),
                tree_size=head.tree_size,
                leaf=leaf_hash(leaf),
                path=parse_path(fields),
            )
            if root != head.root:
                raise VerificationFailed("it does not lead to the root of the checkpoint")
            fact = Fields(parse_json(leaf, what="its leaf"), where="leaf")
            about = fields.text(of)
            if (fact.text("kind"), fact.text(of)) != (FACT_KINDS[name], about):
                raise VerificationFailed(f"its leaf is not the {name} of that {of}")
            acceptance = fact.text("acceptance")
        except (ClientError, UnicodeEncodeError) as error:
            said = error.message if isinstance(error, ClientError) else "its leaf is not text"
            raise VerificationFailed(f"{path}: {said}") from None
        yield path, about, acceptance


def _check_checkpoint(evidence: _Evidence) -> str:
    head = evidence.checkpoint()
    trusted = evidence.trusted
    keys = evidence.own_keys
    remark = ", with a key that is known from the bundle only"
    if trusted is not None and (trusted.source is Trust.GIVEN or find_signers(head, trusted.keys)):
        keys, remark = trusted.keys, ""
    else:
        evidence.trust = Trust.EMBEDDED
    check_checkpoint(head, keys)
    origin = printable(head.origin, limit=200)
    return f"{origin} has signed the tree head of {head.tree_size} entries{remark}"


def _check_witnesses(evidence: _Evidence) -> str:
    return check_witnesses(evidence.note(), evidence.others)


def _check_timestamps(evidence: _Evidence) -> str:
    return check_timestamps(evidence.note(), evidence.stamps(), evidence.others)


def _paths(evidence: _Evidence, folder: str) -> list[str]:
    return [path for path in evidence.members if path.startswith(folder)]


def _index(fields: Fields, path: str) -> int:
    index = fields.number("index")
    if path.rpartition("/")[2] != f"{index}.json":
        raise VerificationFailed(f"it states the index {index}, and its name another")
    return index


def _fields(members: dict[str, bytes], path: str) -> Fields:
    return Fields(_json(members, path), where=path)


def _json(members: dict[str, bytes], path: str) -> object:
    return parse_json(members[path], what=path)


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise VerificationFailed(f"{path} is not UTF-8: byte {error.start}") from None


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise VerificationFailed(f"{SIGNATURE} states a time that is none: {seconds}") from None


CHECKS: tuple[tuple[str, Callable[[_Evidence], str]], ...] = (
    ("archive", _check_archive),
    ("index", _check_index),
    ("members", _check_members),
    ("keys", _check_keys),
    ("signature", _check_signature),
    ("texts", _check_texts),
    ("acceptances", _check_acceptances),
    ("withdrawals", _check_withdrawals),
    ("imports", _check_imports),
    ("checkpoint", _check_checkpoint),
    ("witnesses", _check_witnesses),
    ("timestamps", _check_timestamps),
)
