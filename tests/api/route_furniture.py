"""Pieces of the ground of the route matrix that take more than one act to make."""

from datetime import timedelta
from typing import Any

from registry import catalog
from registry.catalog import must_updates
from registry.delivery.tables import UpdateNotice
from registry.identity.domain import Principal
from registry.kernel.outbound import Reach
from registry.kernel.outcomes import Refusal
from registry.webhooks import service as webhooks
from tests.world import CARD, World


def must(outcome: Any) -> Any:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def mark_release(world: World, owner: Principal, publisher: Any, holder: Principal) -> must_updates.Mark:
    """Mark the first release of a model with two; the holder is told."""

    def released(readme: bytes) -> str:
        files = {"README.md": readme, "model.safetensors": b"\x00weights of auto-1b\xff" * 64}
        world.release(owner, publisher, name="auto-1b", files=files)
        release = world.read(catalog.find_current_release, model_id=world.model(owner, name="auto-1b").id)
        assert release is not None
        commit: str = release.commit
        return commit

    old, new = released(CARD), released(CARD + b"Mended.\n")
    demand = must_updates.Demand(
        commit=old, replacement=new, update_by=world.now + timedelta(days=30), reason="leaks training data"
    )
    mark: must_updates.Mark = must(
        world.write(
            must_updates.mark_release,
            publisher="quarry",
            name="auto-1b",
            demand=demand,
            principal=owner,
            now=world.now,
        )
    )
    told = UpdateNotice(
        must_update_id=mark.id, person_id=holder.person_id, told_at=world.now, downloaded=True
    )
    world.write(lambda session: session.add(told))
    return mark


def add_webhook(world: World, owner: Principal) -> dict[str, str]:
    """A webhook with something that was sent to it; their ids."""
    desk = webhooks.Desk(principal=owner, sealer=world.sealer, reach=Reach.PUBLIC, now=world.now)
    wish = webhooks.Wish(url="https://hooks.example/quarry")
    made = must(world.write(webhooks.add_webhook, desk=desk, publisher="quarry", wish=wish))
    sent = must(world.write(webhooks.try_webhook, desk=desk, publisher="quarry", webhook_id=made.row.id))
    return {"webhook_id": str(made.row.id), "delivery_id": str(sent.row.id)}


def decide(world: World, owner: Principal) -> Any:
    """A decision at a base about a model that is not there."""
    return must(
        world.equivalent(
            owner,
            "quarry/auto-1b",
            model="meadow/made-1b",
            base_license="sample-openrail-m@1.0",
            own_license=world.restricting("other-m"),
        )
    )
