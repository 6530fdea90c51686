"""A base at one publisher, models made from it at another, and decisions about them."""

from typing import Any

from registry import catalog
from registry.catalog import equivalences, inherited_terms
from registry.catalog.domain import GateMode
from registry.identity.domain import ANONYMOUS, Principal
from registry.kernel.outcomes import Refusal
from tests.world import World

BASE = "quarry/quarry-15b"
LAW, MEDICINE = "no-illegal-use", "no-medical-advice"


class Scene:
    """A base at one publisher; models are made from it at another."""

    def __init__(self, world: World, *asked: str) -> None:
        self.world = world
        self.owner, self.maker = world.person("owner@quarry.example"), world.person("maker@meadow.example")
        self.quarry, self.meadow = world.publisher(self.owner), world.publisher(self.maker, "meadow")
        self.asked = world.restricting("base-m", *(asked or (LAW, f"{MEDICINE}:unless-human-oversight")))
        self.base = world.release(self.owner, self.quarry, requires=(self.asked,))

    def publish(
        self, *requires: str, name: str = "slate", bases: tuple[str, ...] = (BASE,), note: str = ""
    ) -> Any:
        """Publish a model of the maker whose card names these bases."""
        files = {
            "README.md": card(*bases) + note.encode(),
            "model.safetensors": b"\x00\x01" + name.encode() * 2000,
        }
        return self.world.try_release(self.maker, self.meadow, name=name, requires=requires, files=files)

    def decide(self, who: Principal | None = None, **changes: Any) -> Any:
        given = {
            "model": "meadow/slate",
            "base_license": self.asked,
            "own_license": "own-m@1.0",
            "restrictions": (MEDICINE,),
            "reason": "Clause 4 forbids any use on patients.",
        }
        return self.world.equivalent(who or self.owner, BASE, **{**given, **changes})

    def withdraw(self, decision: Any, who: Principal | None = None, reason: str = "It does not.") -> Any:
        return self.world.write(
            equivalences.withdraw,
            publisher="quarry",
            name="quarry-15b",
            decision_id=decision.id,
            reason=reason,
            principal=who or self.owner,
            sealer=self.world.sealer,
            now=self.world.now,
        )

    def change_gate(self, *requires: str, name: str = "slate") -> Any:
        return self.world.write(
            catalog.change_gate,
            publisher="meadow",
            name=name,
            demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=requires),
            principal=self.maker,
            now=self.world.now,
        )

    def compare(self, who: Principal = ANONYMOUS, name: str = "slate") -> Any:
        return self.world.read(inherited_terms.compare_terms, publisher="meadow", name=name, principal=who)


def card(*bases: str) -> bytes:
    listed = "".join(f"- {base}\n" for base in bases)
    stated = f"base_model:\n{listed}" if bases else ""
    return f"---\nlicense: other\n{stated}---\n# Made\n".encode()


def code(outcome: Any) -> str | None:
    return outcome.code if isinstance(outcome, Refusal) else None
