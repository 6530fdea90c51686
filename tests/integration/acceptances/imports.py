"""A scene with imported acceptors."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col

from registry.acceptances.import_reading import OpenedImport, list_imports
from registry.acceptances.import_statement import IMPORT_TYP
from registry.acceptances.import_store import ImportFilter
from registry.acceptances.importing import ImportRows, import_acceptors
from registry.acceptances.report_staging import stage_report
from registry.acceptances.reports import Claimed, Source
from registry.identity import linking
from registry.identity.domain import Principal
from registry.identity.providers import HUB_ISSUER
from registry.identity.tables import ExternalIdentity, Person
from registry.kernel.identifiers import new_id
from tests.world import BASE_URL, World, run

STATED = datetime(2025, 3, 1, 10, tzinfo=UTC)


def claimed(email: str | None = "mara@nordlab.example", **changes: Any) -> Claimed:
    given = {"line": 2, "account": None, "name": "Mara Lindqvist", "email": email, "stated_at": STATED}
    return Claimed(**{**given, **changes})


def bring_in(world: World, *rows: Claimed, by: Principal | None = None, **changes: Any) -> Any:
    """What comes of importing these for the usual model."""
    given = {"publisher": "quarry", "name": "quarry-15b", "source": Source.HUB_REPORT, "rows": rows}
    return world.write(
        import_acceptors,
        command=ImportRows(**{**given, **changes}),
        principal=by or world.person("owner@quarry.example"),
        issuer=BASE_URL,
        sign=lambda payload: world.keys.sign_jws(payload, {"typ": IMPORT_TYP}),
        sealer=world.sealer,
        now=world.now,
    )


def send_report(world: World, *rows: str, name: str = "quarry-15b") -> UUID:
    """A CSV of these addresses is read for a model, and waits to be confirmed."""
    file = io.BytesIO("\n".join(["email", *rows]).encode())
    owner = world.person("owner@quarry.example")
    staged = run(
        stage_report(
            world.database,
            file,
            publisher="quarry",
            name=name,
            principal=owner,
            sealer=world.sealer,
            now=world.now,
        )
    )
    assert isinstance(staged, UUID), staged
    return staged


def imports(world: World, name: str = "quarry-15b") -> Sequence[OpenedImport]:
    model = world.model(world.person("owner@quarry.example"), name=name)
    wanted = ImportFilter(model_ids=[model.id])
    return world.read(list_imports, wanted=wanted, sealer=world.sealer, after=None, limit=100)


def prove(world: World, person: Principal) -> Principal:
    """The person has proved their address."""
    world.write(
        lambda session: session.exec(
            update(Person).where(col(Person.id) == person.person_id).values(verified_at=world.now)
        )
    )
    return person


def link_hub_account(world: World, person: Principal, name: str, issuer: str = HUB_ISSUER) -> None:
    """The person has signed in with an account of this name."""

    def work(session: Any) -> None:
        row_id = new_id()
        key = world.sealer.find_subject_key(session, person.person_id)
        session.add(
            ExternalIdentity(
                id=row_id,
                person_id=person.person_id,
                issuer=issuer,
                subject_index=world.sealer.blind_index(f"{issuer}\x00{name}", "external-identity"),
                sealed_account=key.seal(
                    json.dumps([f"id of {name}", name]).encode(), linking._ACCOUNT_CONTEXT + row_id.bytes
                ),
                created_at=world.now,
                last_used_at=world.now,
            )
        )

    world.write(work)
