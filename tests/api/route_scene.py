"""A registry with something of everything in it, and each caller's way in; the ground of the route matrix."""

import hashlib
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.testing import AsyncTestClient

from registry import catalog, identity
from registry.access import requesting, templates
from registry.access import service as access_service
from registry.access.requesting import Office
from registry.catalog.domain import GateMode, Role, UploadState
from registry.catalog.tables import Upload
from registry.identity import organisation_group_store, organisations, service_accounts
from registry.identity.ci_domain import Issuer, IssuerKind, NewRule
from registry.identity.ci_exchange import create_rule
from registry.identity.domain import Principal, Scope, digest_of
from registry.identity.organisation_tables import OrganisationDomain, OrganisationGroup
from registry.identity.service_account_domain import NewToken
from registry.identity.tables import Person, WebSession
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.pages import csrf_token
from registry.parts import build_parts
from registry.settings import Settings
from tests.api.route_audiences import SESSIONS, TOKENS
from tests.api.route_furniture import add_webhook, decide, mark_release, must
from tests.api.route_requests import BODIES, FORMS, LICENSE, QUERIES
from tests.api.route_table import Row
from tests.applications import application
from tests.clock import SettableClock
from tests.integration.acceptances.imports import send_report
from tests.servers.dns import DNSServer
from tests.world import ANSWERS, BASE_URL, MASTER_SECRET, TEXT_10, World, presigning_store

STATES = ("auto", "manual", "closed", "private", "absent")
BROWSER = "browser-without-a-session"


@dataclass
class Matrix:
    """A registry with something of everything in it, and each caller's way in."""

    world: World
    file: Path
    template: Path
    client: AsyncTestClient[Litestar]
    cookies: dict[str, str]
    principals: dict[str, Principal]
    tokens: dict[str, str]
    things: dict[str, str]
    _watch: sqlite3.Connection = field(init=False)
    _original: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._watch = sqlite3.connect(self.file)
        self._original = _rows(self.template)

    def version(self) -> int:
        """A number that changes with every commit of the application."""
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def changed_tables(self) -> set[str]:
        """The tables whose rows differ from those of the template."""
        now = _rows(self.file)
        return {name for name, rows in self._original.items() if now[name] != rows}

    def restore(self) -> None:
        """Put every row back."""
        with closing(sqlite3.connect(self.template)) as source, closing(sqlite3.connect(self.file)) as target:
            source.backup(target)

    async def ask(self, row: Row, caller: str, state: str) -> Any:
        """Send the request of a row as a caller, with whatever shape its body has to have."""
        path = self.address(row, state)
        headers = {"Accept": "application/json" if "/api/" in path else "text/html"}
        secret = BROWSER
        if caller in self.cookies:
            headers["Cookie"] = f"gatehouse_session={self.cookies[caller]}"
            secret = self.cookies[caller]
        else:
            headers["Cookie"] = f"gatehouse_browser={BROWSER}"
        if caller in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[caller]}"
        if row.method in {"GET", "HEAD", "DELETE"}:
            return await self.client.request(row.method, path, headers=headers)
        if (body := self.body(row)) is not None:
            return await self.client.request(row.method, path, headers=headers, json=body)
        token = csrf_token(self.world.sealer.derive_secret("csrf"), digest_of(secret))
        fields = {"_csrf": token, **self.form(row)}
        return await self.client.request(row.method, path, headers=headers, data=fields)

    def address(self, row: Row, state: str) -> str:
        """The path of a row with every parameter filled in, and the query that it cannot do without."""
        given = {**self.things, "model": f"{state}-1b", "name": f"{state}-1b"}
        if row.path.startswith("/licenses/"):
            given["name"] = "1.0"
        if row.path.startswith("/organisations/"):
            given["person_id"] = str(self.principals["holder"].person_id)
        if "service-accounts" in row.path:
            given["token_id"] = given["account token id"]
        if "/info/lfs/" in row.path:
            given["model"] = f"{state}-1b.git"
        if row.path.startswith("/static/"):
            given["name"] = "gatehouse.css"
        if row.path.startswith("/ledger/tile/"):
            given["address"] = "entries/000.p/1"
        given |= dict(row.given)
        filled = re.sub(r"\{(\w+)\}", lambda found: given[found[1]], row.path)
        return filled + QUERIES.get(row.path, "")

    def body(self, row: Row) -> Any:
        """The JSON body that passes the decoder."""
        return BODIES.get(f"{row.method} {row.path}", lambda _things: None)(self.things)

    def form(self, row: Row) -> dict[str, str]:
        """Fields that a form has to have before anything else is looked at."""
        return {name: value.format(**self.things) for name, value in FORMS.get(row.path, {}).items()}


@asynccontextmanager
async def open_matrix(file: Path, template: Path, clock: SettableClock) -> AsyncIterator[Matrix]:
    """The matrix over the migrated SQLite file at `file`; its rows as they stand at first go to `template`."""
    database = Database(f"sqlite:///{file}")
    world = World(database=database, clock=clock, store=presigning_store(clock))
    resolver = DNSServer()
    settings = Settings(
        base_url=BASE_URL,
        data_dir=file.parent,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        operators=("operator@registry.example",),
        dns_servers=(resolver.address,),
        hub_endpoint="http://127.0.0.1:9",
    )
    assert world.store is not None
    principals = {
        name: world.person(f"{name}@people.example") for name in SESSIONS if name not in {"owner", "operator"}
    }
    principals["owner"] = world.person("owner@quarry.example")
    principals["operator"] = world.person("operator@registry.example")
    world.write(_make_operator, person=principals["operator"])
    parts = build_parts(settings, store=world.store, database=database, clock=clock)
    things = {**_furnish(world, principals), "digest": parts.pages.static_digest}
    cookies = {name: f"cookie-of-{name}" for name in SESSIONS}
    for name, cookie in cookies.items():
        world.write(_put_session, world=world, person=principals[name], digest=digest_of(cookie))
    tokens = {
        name: world.token(principals[name.partition(":")[0]], Scope(name.partition(":")[2]))
        for name in TOKENS
        if not name.startswith("account:")
    }
    tokens["account:read"] = things["account token"]
    tokens["unknown token"] = "gh_" + "x" * 40
    with application(parts) as app:
        async with AsyncTestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
            client.follow_redirects = False
            for token in tokens.values():  # notes when it was last used
                await client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(template)) as target:
                source.backup(target)
            yield Matrix(
                world=world,
                file=file,
                template=template,
                client=client,
                cookies=cookies,
                principals=principals,
                tokens=tokens,
                things=things,
            )
    resolver.close()


def _put_session(session: Any, *, world: World, person: Principal, digest: str) -> None:
    session.add(
        WebSession(
            digest=digest,
            person_id=person.person_id,
            method="email-link",
            created_at=world.now,
            expires_at=world.now + timedelta(days=1),
        )
    )


def _make_operator(session: Any, *, person: Principal) -> None:
    session.get(Person, person.person_id).is_operator = True


def _furnish(world: World, people: dict[str, Principal]) -> dict[str, str]:
    """Put one of each thing into the registry; return the values of the parameters that name them."""
    now, owner, holder = world.now, people["owner"], people["holder"]
    _ = world.keys
    world.license("1.0", TEXT_10, "initial")
    publisher = world.publisher(owner)
    world.publisher(people["rival"], "meadow")
    given_roles = [
        world.write(
            catalog.add_role,
            publisher="quarry",
            person_id=people[role.value].person_id,
            role=role,
            principal=owner,
            now=now,
        )
        for role in (Role.AUDITOR, Role.REVIEWER, Role.MAINTAINER)
    ]
    models = {
        state: world.release(owner, publisher, name=f"{state}-1b", private=state == "private")
        for state in STATES
        if state != "absent"
    }
    for mode in (GateMode.MANUAL, GateMode.CLOSED):
        demand = catalog.GateDemand(mode=mode, licenses=(LICENSE,), fields=models[mode].gate.fields)
        must(
            world.write(
                catalog.change_gate,
                publisher="quarry",
                name=f"{mode}-1b",
                demand=demand,
                principal=owner,
                now=now,
            )
        )
    receipt = world.accept(holder, models["auto"])
    world.restricting("waiting-m", by=owner)
    world.restricting("waiting-m", number="1.0.1", change_class="editorial", by=owner)
    mark = mark_release(world, owner, publisher, people["holder"])
    decision = decide(world, owner)
    world.accept(people["applicant"], models["manual"])
    request = must(
        world.write(
            requesting.ask,
            office=_office(world, people["applicant"]),
            publisher="quarry",
            model="manual-1b",
            answers=ANSWERS,
            note="for my thesis",
        )
    )
    template = must(
        world.write(
            templates.add_template,
            office=_office(world, owner),
            publisher="quarry",
            title="Thanks",
            text="Thanks.",
        )
    )
    block = must(
        world.write(
            access_service.block_person,
            publisher="quarry",
            person_id=world.person("barred@people.example").person_id,
            reason="shared the weights",
            until=None,
            principal=owner,
            now=now,
        )
    )
    organisation = must(
        world.write(organisations.found_organisation, name="Nordlab", principal=holder, now=now)
    )
    group = OrganisationGroup(
        id=new_id(),
        organisation_id=organisation.id,
        issuer="https://identity.example",
        name="research",
        salt=b"salt",
        asked_by=holder.person_id,
        asked_at=now,
    )
    world.write(organisation_group_store.insert_group, row=group)
    domain = OrganisationDomain(
        id=new_id(),
        organisation_id=organisation.id,
        domain="nordlab.example",
        challenge="challenge",
        claimed_by=holder.person_id,
        claimed_at=now,
    )
    world.write(lambda session: session.add(domain))
    issuer = Issuer(kind=IssuerKind.GITHUB, url="https://ci.example")
    rule = must(
        world.write(
            create_rule,
            principal=holder,
            rule=NewRule(
                name="nightly",
                issuer=issuer.url,
                repository="nordlab/train",
                ref="refs/heads/main",
                scopes=frozenset({Scope.READ}),
            ),
            issuers=(issuer,),
            now=now,
        )
    )
    account = must(
        world.write(
            service_accounts.make_account, name="cluster", organisation_id=None, principal=holder, now=now
        )
    )
    made = must(
        world.write(
            service_accounts.create_token,
            account_id=account.id,
            asked=NewToken(name="gpu", scopes=frozenset({Scope.READ}), days=30),
            principal=holder,
            now=now,
        )
    )
    token = world.write(
        identity.create_token,
        person_id=holder.person_id,
        name="old laptop",
        scopes=frozenset({Scope.READ}),
        days=30,
        now=now,
    )
    upload = Upload(
        id=new_id(),
        publisher_id=publisher.id,
        model_id=models["auto"].id,
        sha256="1" * 64,
        size=1,
        storage_key=f"blobs/11/{'1' * 64}",
        part_size=8 * 1024 * 1024,
        state=UploadState.FAILED,
        problem="The bytes were other ones.",
        started_by=owner.person_id,
        started_at=now,
        finished_at=now,
    )
    world.write(lambda session: session.add(upload))
    world.integrate()
    downloaded: Any = world.resolve(world.token(holder), model="auto-1b")
    return {
        "record_id": str(downloaded.record_id),
        "acceptance_id": str(receipt.id),
        "account token": made[1],
        "account token id": str(made[0].id),
        "account_id": str(account.id),
        "act": "suspend",
        **add_webhook(world, owner),
        "mark_id": str(mark.id),
        "decision_id": str(decision.id),
        "block_id": str(block.id),
        "code": "license-not-accepted",
        "domain_id": str(domain.id),
        "event": "withdraw",
        "group_id": str(group.id),
        "identity_id": str(new_id()),
        "index": "0",
        "login_id": str(rule),
        "mail_id": str(new_id()),
        "number": "1.0",
        "organisation_id": str(organisation.id),
        "passkey_id": str(new_id()),
        "key_id": str(new_id()),
        "path": "model.safetensors",
        "person_id": str(people["stranger"].person_id),
        "provider_id": "nowhere",
        "publisher": "quarry",
        "report_id": str(send_report(world, "somebody@lab.example", name="auto-1b")),
        "request_id": str(request.id),
        "rest": "main",
        "revision": "main",
        "role_id": str(given_roles[0].id),
        "rule_id": str(rule),
        "session_id": holder.session_id or "",
        "slug": "sample-openrail-m",
        "template_id": str(template.id),
        "token_id": str(token[0].id),
        "topic": "anything",
        "upload_id": str(upload.id),
    }


def _office(world: World, person: Principal) -> Office:
    return Office(principal=person, sealer=world.sealer, base_url=BASE_URL, now=world.now)


def _rows(file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: hashlib.sha256(
                repr(connection.execute(f'SELECT * FROM "{name}"').fetchall()).encode()
            ).hexdigest()
            for name in tables
        }
