"""What the checks ask about: one repository that a person may have, and one for each way to be refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from registry import access, catalog
from registry.access import requesting
from registry.access.request_views import Office, RequestView
from registry.access.transitions import Cause, Move, RequestEvent
from registry.catalog import GateDemand, GateMode, must_updates
from registry.catalog.domain import Role
from registry.catalog.must_updates import Demand, Mark
from registry.catalog.prerequisites import CountryRule, Prerequisites
from registry.catalog.reviews import ReviewPolicy
from registry.identity.domain import Principal, Scope
from registry.kernel.outcomes import Refusal
from registry.licenses import ChangeClass, PublishVersion, publish_version
from tests.e2e.hub.conftest import Scene, Stage
from tests.e2e.hub.scene import safetensors
from tests.world import ANSWERS, CARD, TEXT_11

FOLDER = "a folder/with + signs"
TAG = "v1.0/rc_1"
CARD_THAT_TELLS = b"""---
license: other
language: nn
library_name: safetensors
pipeline_tag: text-generation
tags: [granite]
---
# Quarry

A model for tests.
"""
MANY = 10_000
FIRST_CONFIG = b'{"hidden_size": 4, "model_type": "bert"}\n'
SECOND_CONFIG = b'{"hidden_size": 8, "model_type": "bert"}\n'
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {
        "type": "WordLevel",
        "vocab": {"[UNK]": 0, "a": 1, "gated": 2, "model": 3},
        "unk_token": "[UNK]",
    },
}


def shard(name: str, size: int = 200_000) -> bytes:
    """A safetensors file with one tensor of this name, like no other."""
    header = json.dumps({name: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + hashlib.shake_128(name.encode()).digest(size)


WEIGHT_MAP = {f"layer.{number}": f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3)}
FILES = {
    "README.md": CARD_THAT_TELLS,
    "config.json": SECOND_CONFIG,
    "tokenizer.json": json.dumps(TOKENIZER).encode(),
    "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast"}\n',
    "model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": WEIGHT_MAP}).encode(),
    **{file: shard(name) for name, file in WEIGHT_MAP.items()},
    f"{FOLDER}/ünï.txt": b"letters\n",
    "deep/er/日本語.safetensors": shard("deep"),
    "100%.json": b"{}",
}


@dataclass
class State:
    """How somebody is refused, and what they must read then."""

    repo: str
    token: str | None
    url: str
    words: str
    revision: str = "main"


def office(scene: Scene, who: Principal, *, days_ago: int = 0) -> Office:
    world = scene.registry.world
    moment = world.now - timedelta(days=days_ago)
    return Office(principal=who, sealer=world.sealer, base_url=scene.registry.url, now=moment)


def gate(scene: Scene, mode: GateMode = GateMode.AUTO, version: str = "1.0", **asked: Any) -> None:
    """Let the gate be so from now on."""
    world = scene.registry.world
    demand = GateDemand(
        mode=mode, licenses=(f"{scene.slug}@{version}",), fields=scene.model.gate.fields, **asked
    )
    changed = world.write(
        catalog.change_gate,
        publisher=scene.publisher.name,
        name=scene.model.name,
        demand=demand,
        principal=replace(scene.owner, signed_in_at=world.now),
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed


def asked(scene: Scene, *, days_ago: int = 0, **review: Any) -> RequestView:
    """The person accepts and asks at a gate that is reviewed."""
    gate(scene, GateMode.MANUAL, review=ReviewPolicy(**review) if review else None)
    scene.accept()
    found = scene.registry.world.write(
        requesting.ask,
        office=office(scene, scene.person, days_ago=days_ago),
        publisher=scene.publisher.name,
        model=scene.model.name,
        answers=ANSWERS,
        note="for my thesis",
    )
    assert isinstance(found, RequestView), found
    return found


def moved(
    scene: Scene, request: RequestView, event: RequestEvent, *, days_ago: int = 0, by: Any = None, **how: Any
) -> None:
    done = scene.registry.world.write(
        requesting.move,
        office=office(scene, by or scene.owner, days_ago=days_ago),
        request_id=request.id,
        wanted=Move(event=event, note="a stated reason", **how),
    )
    assert not isinstance(done, Refusal), done


def second_reviewer(scene: Scene) -> Principal:
    world = scene.registry.world
    person = world.person(f"ben-{scene.publisher.name}@quarry.example")
    world.write(
        catalog.add_role,
        publisher=scene.publisher.name,
        person_id=person.person_id,
        role=Role.REVIEWER,
        principal=replace(scene.owner, signed_in_at=world.now),
        now=world.now,
    )
    return person


def accept_page(scene: Scene, version: str = "1.0") -> str:
    return f"{scene.registry.url}/{scene.repo}/accept?license={scene.slug}@{version}"


def requests_page(scene: Scene) -> str:
    return f"{scene.registry.url}/requests/"


def state(scene: Scene, words: str, url: str | None = None, token: str | None = "") -> State:
    return State(
        repo=scene.repo,
        token=scene.token if token == "" else token,
        url=url or f"{scene.registry.url}/{scene.repo}",
        words=words,
    )


def anonymous(scene: Scene) -> State:
    return state(scene, "license", f"{scene.registry.url}/{scene.repo}/accept", None)


def never_accepted(scene: Scene) -> State:
    return state(scene, "license", accept_page(scene))


def outdated(scene: Scene) -> State:
    scene.accept()
    world = scene.registry.world
    command = PublishVersion(
        slug=scene.slug,
        number="1.1",
        change_class=ChangeClass.MATERIAL,
        text=TEXT_11 + scene.slug.encode() + b"\n",
        title=f"{scene.slug} 1.1",
    )
    world.write(publish_version, command=command, now=world.now, by=None)
    gate(scene, version="1.1", reaccept_days=0)
    return state(scene, "1.0", accept_page(scene, "1.1"))


def waiting(scene: Scene) -> State:
    asked(scene)
    return state(scene, "not decided yet", requests_page(scene))


def rejected(scene: Scene) -> State:
    moved(scene, asked(scene), RequestEvent.REJECT, reason=Cause.OTHER)
    return state(scene, "was rejected", requests_page(scene))


def revoked(scene: Scene) -> State:
    request = asked(scene)
    moved(scene, request, RequestEvent.APPROVE)
    moved(scene, request, RequestEvent.PROPOSE_REVOCATION, reason=Cause.MISUSE)
    moved(scene, request, RequestEvent.REVOKE, by=second_reviewer(scene), reason=Cause.MISUSE)
    return state(scene, "was revoked", requests_page(scene))


def expired(scene: Scene) -> State:
    request = asked(scene, days_ago=60, grant_days=30)
    moved(scene, request, RequestEvent.APPROVE, days_ago=60)
    return state(scene, "has expired", f"{scene.registry.url}/{scene.repo}/request")


def withdrawn(scene: Scene) -> State:
    scene.registry.world.withdraw(scene.person, scene.accept().id)
    return state(scene, "withdrew", accept_page(scene))


def given_up(scene: Scene) -> State:
    world = scene.registry.world
    scene.accept()
    old = world.read(catalog.find_current_release, model_id=scene.model.id).commit
    later = {"config.json": b'{"later": 1}', "model.safetensors": safetensors(4096)}
    world.release(scene.owner, scene.publisher, name=scene.model.name, requires=(), files=later)
    new = world.read(catalog.find_current_release, model_id=scene.model.id).commit
    before = world.now - timedelta(days=9)
    demand = Demand(
        commit=old, replacement=new, update_by=before + timedelta(days=8), reason="A stated fault."
    )
    marked = world.write(
        must_updates.mark_release,
        publisher=scene.publisher.name,
        name=scene.model.name,
        demand=demand,
        principal=replace(scene.owner, signed_in_at=before),
        now=before,
    )
    assert isinstance(marked, Mark), marked
    return replace(state(scene, "given up"), revision=old)


def outside(scene: Scene) -> State:
    scene.accept()
    gate(scene, prerequisites=Prerequisites(country=CountryRule(countries=("NO",), admits=False)))
    return state(scene, "country", f"{scene.registry.url}/settings/declarations")


def closed(scene: Scene) -> State:
    scene.accept()
    gate(scene, GateMode.CLOSED)
    return state(scene, "closed")


def blocked(scene: Scene) -> State:
    scene.accept()
    world = scene.registry.world
    world.write(
        access.block_person,
        publisher=scene.publisher.name,
        person_id=scene.person.person_id,
        reason="a stated reason",
        until=None,
        principal=scene.owner,
        now=world.now,
    )
    return state(scene, "a stated reason")


def no_scope(scene: Scene) -> State:
    scene.accept()
    token = scene.registry.world.token(scene.person, Scope.AUDIT)
    return state(scene, "scope read", f"{scene.registry.url}/settings/tokens", token)


STATES: dict[str, Callable[[Scene], State]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(anonymous, never_accepted, outdated, waiting, rejected, revoked, expired),
        *(withdrawn, given_up, outside, closed, blocked, no_scope),
    )
}


def files_told(files: dict[str, bytes]) -> dict[str, tuple[int, str, bool]]:
    """Size, digest and whether the file is one of the large ones."""
    return {
        path: (len(content), hashlib.sha256(content).hexdigest(), path.endswith(".safetensors"))
        for path, content in files.items()
    }


def many_files(stage: Stage) -> dict[str, Any]:
    """A repository of ten thousand files in nested folders, behind a gate that nobody has passed."""
    count = MANY - 1
    paths = [f"データ/{number // 500:02}/ä {number:05}.txt" for number in range(count)]
    scene = stage.scene(files={"README.md": CARD} | dict.fromkeys(paths, b"the same\n"))
    return {"repo": scene.repo, "count": MANY, "first": "README.md", "last": paths[-1]}


def lay(stage: Stage) -> dict[str, Any]:
    """Everything that the checks of reading and of refusals need; no check changes it."""
    ready = stage.scene(files={**FILES, "config.json": FIRST_CONFIG})
    world = ready.registry.world
    first = world.read(catalog.find_current_release, model_id=ready.model.id).commit
    # Made after the first model, and not changed after that was: the two orders of a list differ.
    world.release(
        ready.owner, ready.publisher, name="second", requires=(), files={"README.md": CARD, "x.txt": b"x"}
    )
    world.release(ready.owner, ready.publisher, name=ready.model.name, requires=(), files=FILES)
    commit = world.read(catalog.find_current_release, model_id=ready.model.id).commit
    tag = {"publisher": ready.publisher.name, "name": ready.model.name, "tag": TAG, "revision": "main"}
    world.write(catalog.create_tag, principal=ready.owner, **tag)
    ready.accept(answers={})
    hidden = stage.scene(private=True)
    empty = stage.scene(files={"README.md": CARD, "empty.txt": b""})
    empty.accept()
    return {
        "endpoint": ready.registry.url,
        "token": ready.token,
        "name": ready.person_email,
        "repo": ready.repo,
        "author": ready.publisher.name,
        "license": ready.slug,
        "commit": commit,
        "first_commit": first,
        "tag": TAG,
        "folder": FOLDER,
        "files": files_told(FILES),
        "weight_map": WEIGHT_MAP,
        "revisions": {"main": commit, TAG: commit, f"refs/tags/{TAG}": commit, commit: commit, first: first},
        "configs": {
            commit: hashlib.sha256(SECOND_CONFIG).hexdigest(),
            first: hashlib.sha256(FIRST_CONFIG).hexdigest(),
        },
        "second": f"{ready.publisher.name}/second",
        "absent": f"{ready.publisher.name}/nothing",
        "hidden": {"repo": hidden.repo, "token": hidden.token},
        "empty": {"repo": empty.repo, "token": empty.token},
        "many": many_files(stage),
        "states": {name: asdict(lay_state(stage.scene())) for name, lay_state in STATES.items()},
    }
