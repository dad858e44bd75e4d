"""What another process does in the middle of a run: a suppression, a pause, a cancel; and what follows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.soak.operations import Operation, sends
from tests.soak.world import PEOPLE, Plan, World
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Rule

_REACHES_ALL_WITHIN = 1.5  # seconds; the promise says one


def meanwhile(world: World) -> Iterator[str]:
    """A run during which the ledger is changed: what was acknowledged reaches every message not begun."""
    plan = world.random.choice(list(world.plans.values()))
    change = _Change(world, plan)
    yield from sends(world, "run", plan.name, "--refresh", "--accept-changes", first=(change.rule(),))
    yield from change.broken()


class _Change:
    """One command, at the `nth` time that any server reaches a stage."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world, self._plan = world, plan
        self._key = world.random.choice(PEOPLE)
        self._verb = world.random.choice(("suppress", "suppress", "pause", "cancel"))
        self._stage = world.random.choice(("mail", "rcpt", "data", "eod"))
        self._nth = world.random.randint(1, 3)
        self._taken: dict[str, int] | None = None  # messages by server when it was acknowledged
        self._begun: set[str] = set()  # keys whose messages were being sent then

    def rule(self) -> Rule:
        return Rule(self._stage, self._strike, nth=self._nth)

    def _strike(self, _: Dialogue) -> Answer | None:
        if self._taken is not None or self._is_known:
            return None
        words = ("suppress", "add", self._key) if self._verb == "suppress" else (self._verb, self._plan.name)
        if self._world.meanwhile(*words).code != 0:
            return None
        if self._verb == "suppress":
            self._world.told.add((self._key, ""))
        self._world.pass_seconds(_REACHES_ALL_WITHIN)
        self._begun = {row.key for row in self._world.books.deliveries() if row.state == "sending"}
        self._taken = {name: len(server.copies) for name, server in self._world.servers.items()}
        return None

    @property
    def _is_known(self) -> bool:
        """True where it would say nothing new: the run itself may begin a cancelled campaign anew."""
        return self._world.books.phases().get(self._plan.name) in (None, "finished", "cancelled")

    def broken(self) -> Iterator[str]:
        """A sentence for every message that was begun after the command was acknowledged."""
        for name, taken in (self._taken or {}).items():
            for copy in self._world.servers[name].copies[taken:]:
                concerns = (
                    copy.key == self._key if self._verb == "suppress" else copy.campaign == self._plan.name
                )
                if concerns and copy.key not in self._begun:
                    yield f"{copy.key} got {copy.campaign} after {self._verb} was acknowledged"


MEANWHILE: tuple[tuple[Operation, int], ...] = ((meanwhile, 6),)
