"""A process in which people ask, an owner approves, and letters go out, each step printed once confirmed; made to be killed."""

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

from registry.access import requesting
from registry.access.request_views import Office, RequestView
from registry.access.transitions import Move, RequestEvent, RequestState
from registry.kernel import mail, outbox
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.world import ANSWERS, BASE_URL, World

PEOPLE = 1_000


def say(*words: object) -> None:
    """Print a line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def ask_and_approve(world: World, number: int) -> None:
    """Let somebody through the gate, in two confirmed steps."""
    owner, person = world.person("owner@quarry.example"), world.person(f"person-{number}@nordlab.example")
    mine, theirs = (
        Office(principal=who, sealer=world.sealer, base_url=BASE_URL, now=world.now)
        for who in (person, owner)
    )
    asked = world.write(
        requesting.ask, office=mine, publisher="quarry", model="quarry-15b", answers=ANSWERS, note="thesis"
    )
    assert isinstance(asked, RequestView), asked
    say("asked", asked.id)
    move = Move(event=RequestEvent.APPROVE, note="welcome")
    approved = world.write(requesting.move, office=theirs, request_id=asked.id, wanted=move)
    assert isinstance(approved, RequestView), approved
    assert approved.state is RequestState.APPROVED
    say("approved", asked.id)


def deliver(world: World) -> int:
    """Hand over the letters that are due, printed as they go, and note each as done."""
    messages = world.write(outbox.claim, now=world.now)
    for message in messages:
        if message.topic == mail.TOPIC:
            say("sent", mail.unqueue(message.payload, sealer=world.sealer).to)
        world.write(outbox.complete, message=message, now=world.now)
    return len(messages)


def main(url: str) -> None:
    """Go on until done or killed."""
    world = World(database=Database(url), clock=SystemClock())
    _ = world.keys

    def send() -> None:
        for _ in itertools.repeat(None):
            deliver(world)

    with ThreadPoolExecutor(5) as threads:
        threads.submit(send)
        list(threads.map(lambda number: ask_and_approve(world, number), range(PEOPLE)))


if __name__ == "__main__":
    main(sys.argv[1])
