"""One soak: a world, so many steps, the invariants after each, and at last an end for every campaign."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.soak.inbox import INBOX
from tests.soak.invariants import broken
from tests.soak.meanwhile import MEANWHILE
from tests.soak.operations import OPERATIONS, sends
from tests.soak.world import DAY, World
from tests.support.imap_server import Mailbox

_ROUNDS = 25  # days after which every campaign must be at its end


@dataclass(frozen=True, slots=True)
class Found:
    """What a soak came to: `wrong` are sentences, there must be none; `trace` the steps up to there.

    `misled` of the `accepted` messages were sent under a wrong clock: no check of the cap counts them.
    """

    steps: int
    commands: int
    accepted: int
    misled: int
    wrong: tuple[str, ...]
    trace: tuple[str, ...]


def soak(seed: int, steps: int, *, postgresql: str = "", mailbox: Mailbox | None = None) -> Found:
    """Take so many steps drawn from `seed`; the first that breaks a promise is the last.

    `mailbox` is one for this soak alone, at a real IMAP server; without it no mail comes back.
    """
    random = Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="mailrunner-soak-") as folder,
        World(Path(folder), random, postgresql=postgresql, mailbox=mailbox) as world,
    ):
        taken, wrong = _steps(world, steps)
        wrong = wrong or list(_end(world))
        return Found(
            steps=taken,
            commands=sum(" → " in line for line in world.trace),
            accepted=sum(len(server.copies) for server in world.servers.values()),
            misled=sum(copy.misled for server in world.servers.values() for copy in server.copies),
            wrong=tuple(wrong),
            trace=tuple(world.trace),
        )


def _steps(world: World, most: int) -> tuple[int, list[str]]:
    """Take so many steps, fewer if one breaks a promise; how many, and what was broken."""
    operations, weights = zip(*OPERATIONS, *MEANWHILE, *INBOX, strict=True)
    for number in range(1, most + 1):
        operation = world.random.choices(operations, weights)[0]
        if wrong := [*operation(world), *broken(world)]:
            return number, wrong
    return most, []


def _end(world: World) -> Iterator[str]:
    """The servers behave, the days pass: every campaign that was not cancelled comes to its end."""
    for server in world.servers.values():
        server.rules = ()
    for _ in range(_ROUNDS):
        world.now += DAY
        for name in world.plans:
            yield from _goes_on(world, name)
    for campaign, phase in world.books.phases().items():
        if phase not in ("finished", "cancelled"):
            yield f"{campaign} is {phase} after {_ROUNDS} days: {dict(world.books.counts(campaign))}"


def _goes_on(world: World, name: str) -> Iterator[str]:
    if world.books.phases().get(name, "") in ("finished", "cancelled"):
        return
    world.command("unpause", name)
    yield from sends(world, "run", name, "--accept-changes", "--refresh", "--again", behaves=True)
    yield from broken(world)
