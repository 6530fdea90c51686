"""A registry with a publisher, a license and a gated model, and helpers that do what people do."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from registry import acceptances, access, catalog, identity, ledger, licenses
from registry.acceptances.domain import AcceptLicense, Context, Ticket, write_ticket
from registry.acceptances.sd_jwt import TYP, decode
from registry.acceptances.service import TICKET_SECRET
from registry.catalog import equivalences, second_persons
from registry.catalog.api import MANIFEST_TYPE
from registry.catalog.domain import ModelView, StatedFile
from registry.catalog.manifests import GitBlobHasher
from registry.catalog.tables import Blob, BlobPossession
from registry.delivery.domain import Asker, FileRequest, Outcome
from registry.delivery.presign import Addressing
from registry.delivery.resolving import Resolver
from registry.delivery.s3 import S3ObjectStore
from registry.identity.domain import Channel, Principal, Scope, digest_of
from registry.identity.tables import WebSession
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

T = TypeVar("T")
BASE_URL = "http://gatehouse.test:8400"
MASTER_SECRET = b"m" * 32
ORIGIN = "gatehouse.test:8400/ledger"

TEXT_10 = b"Sample OpenRAIL-M 1.0\n\n1. Use the model well.\n\nAttachment A\n\n(a) Do no harm.\n"
TEXT_101 = b"Sample OpenRAIL-M 1.0.1\n\n1. Use the model well!\n\nAttachment A\n\n(a) Do no harm.\n"
TEXT_11 = (
    b"Sample OpenRAIL-M 1.1\n\n1. Use the model well.\n\nAttachment A\n\n(a) Do no harm.\n(b) No spam.\n"
)
CARD = b"""---
license: other
extra_gated_fields:
  Affiliation: text
  Country: country
---
# Quarry

A model for tests.
"""
PURPOSES = {"Affiliation": "To know who uses the model", "Country": "For our export report"}
ANSWERS = {"Affiliation": "Nordlab Institute", "Country": "NO"}
TEXT_INSPECTION = b'{"v":1,"kind":"text","flags":[]}'
WEIGHTS_INSPECTION = (
    b'{"v":1,"kind":"safetensors","flags":[],"safetensors":'
    b'{"tensors":1,"parameters":"4","dtypes":{"F32":1},"metadata":{}}}'
)
WEIGHTS = b"\x00\x01weights\xff" * 4096


@dataclass
class World:
    """Parts over one database, without HTTP."""

    database: Database
    clock: Any
    sealer: Sealer = field(default_factory=lambda: Sealer(MASTER_SECRET))
    store: S3ObjectStore | None = None
    _keys: ledger.KeyRing | None = None

    def write(self, work: Callable[..., Any], **given: Any) -> Any:
        return self.database.write_now(lambda session: work(session, **given))

    def read(self, work: Callable[..., Any], **given: Any) -> Any:
        return self.database.read_now(lambda session: work(session, **given))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def keys(self) -> ledger.KeyRing:
        if self._keys is None:
            self._keys = self.write(ledger.ensure_key_ring, sealer=self.sealer, now=self.now)
        return self._keys

    def sign(self, payload: bytes) -> str:
        return self.keys.sign_jws(payload, {"typ": TYP})

    # People.

    def person(self, email: str = "mara@nordlab.example") -> Principal:
        """A person signed in in a browser."""
        person_id = self.write(identity.ensure_person, email=email, sealer=self.sealer, now=self.now)
        secret = digest_of(f"{email}{new_id()}")
        self.write(
            lambda session: session.add(
                WebSession(
                    digest=secret,
                    person_id=person_id,
                    method="email-link",
                    created_at=self.now,
                    expires_at=self.now.replace(year=2100),
                )
            )
        )
        return Principal(
            person_id=person_id,
            channel=Channel.SESSION,
            scopes=frozenset(Scope),
            session_id=secret,
            signed_in_at=self.now,
        )

    def token(self, person: Principal, *scopes: Scope) -> str:
        created = self.write(
            identity.create_token,
            person_id=person.person_id,
            name="laptop",
            scopes=frozenset(scopes or {Scope.READ}),
            days=30,
            now=self.now,
        )
        return created[1]

    # Things.

    def license(
        self, number: str, text: bytes, change_class: str, *, by: Principal | None = None
    ) -> licenses.Version:
        """A version by a person, or one that came with the installation."""
        outcome = self.write(
            licenses.publish_version,
            command=licenses.PublishVersion(
                slug="sample-openrail-m",
                number=number,
                change_class=licenses.ChangeClass(change_class),
                text=text,
                title="Sample OpenRAIL-M",
            ),
            now=self.now,
            by=by.person_id if by else None,
        )
        assert not isinstance(outcome, Refusal), outcome
        return outcome

    def restricting(self, slug: str, *restrictions: str, text: bytes = b"", **changes: Any) -> str:
        """A license version that restricts these uses, each a slug or `slug:strictness`; its reference."""
        number, by = changes.pop("number", "1.0"), changes.pop("by", None)
        outcome = self.write(
            licenses.publish_version,
            command=licenses.PublishVersion(
                slug=slug,
                number=number,
                change_class=licenses.ChangeClass(changes.pop("change_class", "initial")),
                text=text or f"{slug} {number}\n".encode(),
                title=slug,
                restrictions=tuple(
                    licenses.Restriction(
                        slug=one.partition(":")[0],
                        strictness=licenses.Strictness(one.partition(":")[2] or "flat"),
                    )
                    for one in restrictions
                ),
                **changes,
            ),
            now=self.now,
            by=by.person_id if by else None,
        )
        assert not isinstance(outcome, Refusal), outcome
        return f"{slug}@{number}"

    def equivalent(self, owner: Principal, base: str, **claim: Any) -> Any:
        """A decision at a base that a license carries its own on."""
        publisher, _, name = base.partition("/")
        given = {"restrictions": (), "reason": "It says the same.", "name": "Ada Quarry", **claim}
        return self.write(
            equivalences.decide,
            publisher=publisher,
            name=name,
            claim=equivalences.Claim(**given),
            principal=owner,
            sealer=self.sealer,
            now=self.now,
        )

    def second_person(self, person: Principal, reference: str, **said: str) -> Any:
        """What somebody says of the change class of a version, beside the one before it; else that it fits."""
        slug, _, number = reference.partition("@")
        proposal = self.read(licenses.find_proposal, slug=slug, number=number)
        assert proposal.compared is not None, reference
        given = {"outcome": "confirmed", "compared_with": proposal.compared.number, "reason": "", **said}
        answer = second_persons.Answer(
            outcome=licenses.Outcome(given["outcome"]),
            compared_with=given["compared_with"],
            reason=given["reason"],
        )
        return self.write(
            second_persons.answer, slug=slug, number=number, said=answer, principal=person, now=self.now
        )

    def publisher(self, owner: Principal, name: str = "quarry") -> Any:
        outcome = self.write(
            catalog.create_publisher, name=name, display_name=name.title(), principal=owner, now=self.now
        )
        assert not isinstance(outcome, Refusal), outcome
        return outcome

    def blob(self, publisher_id: UUID, content: bytes, *, text: bool) -> StatedFile:
        sha256 = hashlib.sha256(content).hexdigest()
        hasher = GitBlobHasher(len(content))
        hasher.feed(content)

        def work(session: Any) -> None:
            if session.get(Blob, sha256) is None:
                session.add(
                    Blob(
                        sha256=sha256,
                        size=len(content),
                        git_oid=hasher.hexdigest(),
                        storage_key=f"blobs/{sha256[:2]}/{sha256}",
                        content=content if text else None,
                        inspection=TEXT_INSPECTION if text else WEIGHTS_INSPECTION,
                        verified_at=self.now,
                    )
                )
                session.flush()
            if session.get(BlobPossession, (publisher_id, sha256)) is None:
                session.add(BlobPossession(publisher_id=publisher_id, sha256=sha256, since=self.now))

        self.write(work)
        return StatedFile(path="", sha256=sha256, size=len(content))

    def release(
        self, owner: Principal, publisher: Any, *, name: str = "quarry-15b", **given: Any
    ) -> ModelView:
        outcome = self.try_release(owner, publisher, name=name, **given)
        assert not isinstance(outcome, Refusal), outcome
        return self.model(owner, publisher.name, name)

    def try_release(
        self,
        owner: Principal,
        publisher: Any,
        *,
        name: str = "quarry-15b",
        requires: tuple[str, ...] = ("sample-openrail-m@1.0",),
        files: dict[str, bytes] | None = None,
        private: bool = False,
    ) -> Any:
        """Publish; the release, or why it was refused."""
        _ = self.keys
        weights = WEIGHTS if name == "quarry-15b" else WEIGHTS + name.encode()
        files = files or {"README.md": CARD, "config.json": b"{}", "model.safetensors": weights}
        stated = []
        for path, content in files.items():
            is_text = path.endswith((".md", ".json", ".txt")) or path == "LICENSE"
            blob = self.blob(publisher.id, content, text=is_text)
            stated.append(StatedFile(path=path, sha256=blob.sha256, size=blob.size))
        return self.write(
            catalog.publish_release,
            command=catalog.PublishRelease(
                publisher=publisher.name,
                name=name,
                files=tuple(stated),
                licenses=requires,
                private=private,
                create=True,
                purposes=PURPOSES if files.get("README.md") == CARD else {},
            ),
            principal=owner,
            sign=lambda payload: self.keys.sign_jws(payload, {"typ": MANIFEST_TYPE}),
            now=self.now,
        )

    def model(self, principal: Principal, publisher: str = "quarry", name: str = "quarry-15b") -> ModelView:
        model = self.read(catalog.find_model, publisher=publisher, name=name, principal=principal)
        assert not isinstance(model, Refusal), model
        return model

    def gated_model(self, requires: tuple[str, ...] = ("sample-openrail-m@1.0",)) -> ModelView:
        """The usual scene: an owner, a license 1.0, a gated model."""
        _ = self.keys
        self.license("1.0", TEXT_10, "initial")
        owner = self.person("owner@quarry.example")
        publisher = self.publisher(owner)
        return self.release(owner, publisher, requires=requires)

    # Acts.

    def act(self, person: Principal, model: ModelView, **changes: Any) -> AcceptLicense:
        """The form of the acceptance page, filled in; `changes` alter what is sent."""
        offered = self.read(acceptances.list_offers, person_id=None, model=model)[0]
        offer, version = offered.offer, offered.version
        ticket = Ticket(
            person_id=person.person_id or new_id(),
            session_id=person.session_id or "",
            gate_revision_id=offer.gate_revision_id,
            license_version_id=version.id,
            text_sha256=version.sha256,
            presented_at=self.now,
        )
        sent: dict[str, Any] = {
            "ticket": write_ticket(ticket, self.sealer.derive_secret(TICKET_SECRET)),
            "text_sha256": version.sha256,
            "agreed": True,
            "typed_name": "Mara Lindqvist",
            "answers": ANSWERS,
            "context": Context(ip_address="192.0.2.7", user_agent="a browser", request_id="request-1"),
        }
        return AcceptLicense(**{**sent, **changes})

    def accept(self, person: Principal, model: ModelView, **changes: Any) -> Any:
        return self.write(
            acceptances.accept,
            command=self.act(person, model, **changes),
            principal=person,
            model=model,
            issuer=BASE_URL,
            sign=self.sign,
            sealer=self.sealer,
            now=self.now,
        )

    def withdraw(self, person: Principal, acceptance_id: UUID) -> Any:
        return self.write(acceptances.withdraw, acceptance_id=acceptance_id, principal=person, now=self.now)

    def decide(self, principal: Principal, model: ModelView) -> Any:
        gathered = self.read(
            access.gather_by_name,
            principal=principal,
            publisher=model.publisher,
            model=model.name,
            now=self.now,
        )
        return access.decide(gathered.facts)

    def integrate(self) -> None:
        while self.write(ledger.integrate, keys=self.keys, origin=ORIGIN, now=self.now) is not None:
            pass

    def resolver(self, clock: Clock | None = None) -> Resolver:
        if self.store is None:
            self.store = presigning_store(clock or self.clock)
        return Resolver(
            database=self.database,
            store=self.store,
            clock=clock or self.clock,
            url_ttl_seconds=300,
            contact="",
        )

    def resolve(
        self, who: str | Principal | None, path: str = "model.safetensors", **changes: Any
    ) -> Outcome:
        """Ask for a file as a token, a principal or nobody."""

        async def ask() -> Outcome:
            return await self.resolver().resolve(file_request(path, **changes), asker(who))

        return run(ask())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` gives, run on a thread of its own: the loop of the asynchronous tests stays as it is."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def file_request(path: str = "model.safetensors", **changes: Any) -> FileRequest:
    given = {"publisher": "quarry", "model": "quarry-15b", "revision": "main", "path": path}
    return FileRequest(**{**given, **changes})


def asker(who: str | Principal | None, **changes: Any) -> Asker:
    given: dict[str, Any] = {
        "token": who if isinstance(who, str) else None,
        "principal": who if isinstance(who, Principal) else None,
        "wants_body": True,
        "range_start": None,
        "client": "tests",
        "request_id": "request-1",
    }
    return Asker(**{**given, **changes})


def presigning_store(clock: Clock) -> S3ObjectStore:
    """An object store that is only signed for, never reached."""
    return S3ObjectStore(
        endpoint="http://127.0.0.1:9",
        bucket="gatehouse",
        region="us-east-1",
        access_key="AKEXAMPLE",
        secret_key="secret",
        addressing=Addressing.PATH,
        clock=clock,
    )


def claims_of(statement: str) -> dict[str, Any]:
    """The claims of an issuer-signed JWT."""
    claims: dict[str, Any] = json.loads(decode(statement.split(".")[1]))
    return claims
