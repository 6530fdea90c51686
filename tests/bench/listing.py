"""Measure 8: what one may download, over very many models: a page of the list, by the one decision."""

import time
from collections.abc import Iterator
from statistics import median

from registry.access.permitted import Narrowing, list_permitted
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from tests.bench.bulk import Loader
from tests.bench.ground import Ground, Scene, add_people, open_scene
from tests.bench.results import Result

BOUND_SECONDS = 0.1
PAGE = 100
OPEN_EVERY = 500
"""One model in so many has no gate: they lie far apart, and a page of them is read out of all."""
_ROUNDS = 9


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row per database."""
    for kind in ("SQLite", "PostgreSQL"):
        with ground.database(kind) as url:
            yield _measure_one(ground, kind, url)


def _measure_one(ground: Ground, kind: str, url: str) -> Result:
    count = ground.scale.few
    database = Database(url)
    try:
        scene = open_scene(database)
        people, _ = add_people(scene, 1, prefix="lister-", accept=True)
        _add_models(url, scene, count)
        seconds = []
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            found = _list(scene, people[0])
            seconds.append(time.perf_counter() - started)
    finally:
        database.close()
    if len(found) != count // OPEN_EVERY + 1:
        raise RuntimeError(f"the list has {len(found)} models, expected {count // OPEN_EVERY + 1}")
    taken = median(seconds)
    return Result(
        measure="what may I download",
        measured=f"{kind}: {len(found)} of {count + 1:,} models in {taken * 1000:,.0f} ms",
        compared_with="—",
        value=f"{taken:.3f} s",
        bound=f"< {BOUND_SECONDS} s",
        met=taken < BOUND_SECONDS,
        remarks=(f"The whole list of a person who accepted one license; one model in {OPEN_EVERY} is open.",),
    )


def _list(scene: Scene, person: Principal) -> list[object]:
    now = scene.world.now
    return list(
        scene.world.database.read_now(
            lambda session: list_permitted(
                session, person, narrowing=Narrowing(), before=None, limit=PAGE, now=now
            )
        )
    )


def _add_models(url: str, scene: Scene, count: int) -> None:
    """Insert models with a gate each, which demands what the scene's demands or nothing."""
    loader = Loader(url)
    sql = loader.sql
    moment = sql.bind_moment(scene.world.now)
    gate, publisher = scene.model.gate, sql.bind_id(scene.model.publisher_id)
    version, entry = sql.bind_id(gate.license_version_ids[0]), sql.bind_id(gate.entry_id)
    made = [(f"m{number}", *(sql.bind_id(new_id()) for _ in range(3))) for number in range(count)]
    loader.insert(
        "gate",
        ("id", "publisher_id", "current_revision_id", "created_at"),
        [(gate_id, publisher, revision_id, moment) for _, _, gate_id, revision_id in made],
    )
    loader.insert(
        "gate_revision",
        ("id", "gate_id", "number", "mode", "form_schema", "form_digest", "created_at", "entry_id"),
        [
            (revision_id, gate_id, 1, "auto", gate.form_schema, gate.form_digest, moment, entry)
            for _, _, gate_id, revision_id in made
        ],
    )
    loader.insert(
        "gate_requirement",
        ("gate_revision_id", "position", "license_version_id", "license_slug"),
        [
            (revision_id, 0, version, "sample-openrail-m")
            for place, (_, _, _, revision_id) in enumerate(made)
            if place % OPEN_EVERY
        ],
    )
    loader.insert(
        "model",
        ("id", "publisher_id", "name", "name_key", "gate_id", "private", "created_at"),
        [(model_id, publisher, name, name, gate_id, False, moment) for name, model_id, gate_id, _ in made],
    )
    loader.close()
