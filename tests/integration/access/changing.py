"""A gate whose license changes, beside an organisation, and what a person is shown and told about it."""

from dataclasses import dataclass
from typing import Any

from registry import access, catalog
from registry.acceptances import accept_page
from registry.acceptances.accept_page import ShownText
from registry.access.api import DecisionOut, view_decision
from registry.catalog.domain import GateMode
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access.covers import Scene, cover_scene
from tests.world import BASE_URL, TEXT_10, World

TEXT_20 = TEXT_10.replace(b"1.0", b"2.0").replace(b"Use the model well", b"Pay one euro for each use")
TEXT_30 = TEXT_20.replace(b"2.0", b"3.0").replace(b"one euro", b"two euros")


@dataclass
class Gate:
    """A gated model with an organisation beside it, whose license goes from 1.0 to 3.0."""

    scene: Scene

    @property
    def world(self) -> World:
        return self.scene.world

    def require(self, number: str, *, days: int = 30) -> None:
        """The gate asks for this version from now on; what was accepted suffices for so many days."""
        owner = self.world.person("owner@quarry.example")
        outcome = self.world.write(
            catalog.change_gate,
            publisher="quarry",
            name="quarry-15b",
            demand=catalog.GateDemand(
                mode=GateMode.AUTO,
                licenses=(f"sample-openrail-m@{number}",),
                fields=self.scene.model.gate.fields,
                reaccept_days=days,
            ),
            principal=owner,
            now=self.world.now,
        )
        assert not isinstance(outcome, Refusal), outcome
        self.scene.model = self.world.model(owner)

    def accept(self, who: Principal) -> Any:
        accepted = self.world.accept(who, self.scene.model)
        assert not isinstance(accepted, Refusal), accepted
        return accepted

    def shown(self, who: Principal, *, organisation: bool = False, model: str = "quarry-15b") -> ShownText:
        """The only text on the acceptance page."""
        page = self.world.read(
            accept_page.load,
            principal=who,
            publisher="quarry",
            name=model,
            wanted=None,
            organisation_id=self.scene.organisation.id if organisation else None,
            now=self.world.now,
        )
        assert not isinstance(page, Refusal), page
        (text,) = page.texts
        return text

    def told(self, who: Principal, *, model: str = "quarry-15b") -> DecisionOut:
        """What the API answers to somebody about a model."""
        verdict = self.world.read(
            access.explain, principal=who, publisher="quarry", model=model, now=self.world.now
        )
        assert verdict is not None
        return view_decision(verdict, BASE_URL)


def changing_gate(database: Database, clock: SettableClock) -> Gate:
    """A gate on version 1.0; versions 2.0 and 3.0 are there, each a material change."""
    scene = cover_scene(database, clock)
    scene.world.license("2.0", TEXT_20, "material")
    scene.world.license("3.0", TEXT_30, "material")
    return Gate(scene)
