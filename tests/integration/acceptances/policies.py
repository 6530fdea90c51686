"""Licenses that include policies, and gates that require them."""

from typing import Any

from registry import catalog, licenses
from registry.catalog.domain import GateMode
from registry.kernel.outcomes import Refusal
from tests.world import TEXT_10, World

POLICY = b"Sample use policy\n\nBe kind. Do not spam.\n"
UNSEEN = licenses.exact_digest(b"a text that the registry was never shown")
PINNED = (
    licenses.Policy(title="Use policy", url="https://example.org/use", text=POLICY),
    licenses.Policy(title="House rules", sha256=UNSEEN),
)


def publish(world: World, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "slug": "sample-openrail-m",
        "number": "1.0",
        "change_class": licenses.ChangeClass.INITIAL,
        "text": TEXT_10,
        "title": "Sample OpenRAIL-M",
    }
    command = licenses.PublishVersion(**{**given, **changes})
    return world.write(licenses.publish_version, command=command, now=world.now, by=None)


def require(world: World, *references: str, name: str = "quarry-15b") -> Any:
    """Create a model with a gate, as the owner."""
    owner = world.person("owner@quarry.example")
    if isinstance(world.read(catalog.find_publisher, name="quarry"), Refusal):
        world.publisher(owner)
    return world.write(
        catalog.create_model,
        publisher="quarry",
        name=name,
        demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=references),
        private=False,
        principal=owner,
        now=world.now,
    )
