"""A process that accepts for one person after the other and prints each confirmed acceptance; made to be killed."""

import sys
from concurrent.futures import ThreadPoolExecutor

from registry.acceptances import AcceptanceSummary
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.world import World

PEOPLE = 1_000


def main(url: str) -> None:
    """Accept until done or killed."""
    world = World(database=Database(url), clock=SystemClock())
    _ = world.keys
    owner = world.person("owner@quarry.example")
    model = world.model(owner)

    def accept(number: int) -> None:
        person = world.person(f"person-{number}@nordlab.example")
        outcome = world.accept(person, model)
        assert isinstance(outcome, AcceptanceSummary), outcome
        sys.stdout.write(f"{outcome.id}\n")
        sys.stdout.flush()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(accept, range(PEOPLE)))


if __name__ == "__main__":
    main(sys.argv[1])
