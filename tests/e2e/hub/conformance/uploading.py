"""What lies ready for one client to publish: a publisher of its own, so that no client meets what another one sent."""

from typing import Any

from registry.identity.domain import Scope
from tests.e2e.hub.conftest import Stage


def lay_uploads(stage: Stage) -> dict[str, Any]:
    """Return names that are free, a model that is there, one of somebody else's, and the token to publish with."""
    scene, other = stage.scene(), stage.scene()
    token = scene.registry.world.token(scene.owner, Scope.READ, Scope.PUBLISH)
    return {
        "new": f"{scene.publisher.name}/new",
        "unnamed": f"{scene.publisher.name}/unnamed",
        "repo": scene.repo,
        "other": other.repo,
        "license": f"{scene.slug}@1.0",
        "token": token,
    }
