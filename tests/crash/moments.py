"""The moments at which a run is killed: after a step of its own, in the dialogue, or at any time."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from random import Random

from tests.crash.lives import kill
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Cut, Do, Rule

FIRST_STEPS = ("loading", "enrolled", "begun")  # once a run
STEPS = ("claimed", "rendered", "sending", "answered", "recorded")  # once a batch or a message
STAGES = ("mail", "rcpt", "data", "body", "eod")
ANY_TIME = "any time"


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a kill strikes: `kind` is "step", "wire" (the server strikes) or "time".

    `taken`: at the end of the data, the server takes the message of the process that is dead by then.
    """

    kind: str
    name: str
    taken: bool = False

    def __str__(self) -> str:
        if self.kind == "time":
            return self.name
        if self.kind == "step":
            return f"after `{self.name}`"
        end = (", message taken" if self.taken else ", message dropped") if self.name == "eod" else ""
        return f"on the wire, at {self.name.upper()}{end}"

    def nth(self, random: Random, messages: int, batch: int) -> int:
        """Draw which of the many times that this moment comes is the fatal one."""
        if self.name in FIRST_STEPS:
            return 1
        return random.randint(1, max(1, messages // (2 * batch if self.name == "claimed" else 2)))


MOMENTS = (
    *(Moment("step", step) for step in (*FIRST_STEPS, *STEPS)),
    *(Moment("wire", stage) for stage in STAGES),
    Moment("wire", "eod", taken=True),
    Moment("time", ANY_TIME),
)


@dataclass(slots=True)
class Ambush(ABC):
    """Set in the server: strikes when the dialogue reaches a stage for the n-th time from now."""

    moment: Moment
    _seen: int = 0
    _fatal: int = 0

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(self.moment.name, self._strike, nth=self),) if self.moment.kind == "wire" else ()

    def set(self, nth: int) -> None:
        """Strike at the n-th time from now."""
        self._fatal = self._seen + nth

    def disarm(self) -> None:
        """Strike no more: the process has ended, and its number may be another's soon."""
        self._fatal = 0

    def __contains__(self, nth: object) -> bool:
        assert isinstance(nth, int)
        self._seen = max(self._seen, nth)
        return nth == self._fatal

    @abstractmethod
    def _strike(self, dialogue: Dialogue) -> Answer | None: ...


@dataclass(slots=True)
class Snare(Ambush):
    """Kills the process that `aim` names."""

    _pid: int = 0
    _known: threading.Event = field(default_factory=threading.Event)

    def set(self, nth: int) -> None:
        self._known.clear()
        Ambush.set(self, nth)

    def aim(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def _strike(self, dialogue: Dialogue) -> Answer | None:
        self._known.wait()
        kill(self._pid)
        if self.moment.taken:
            return None
        raise Cut


@dataclass(slots=True)
class Restart(Ambush):
    """Restarts a server by `do`, and counts how often it did."""

    do: Do = lambda _: None
    times: int = 0
    _restarting: threading.Lock = field(default_factory=threading.Lock)

    def disarm(self) -> None:
        """Restart no more, and wait for one that goes on: the next process finds a server that answers."""
        with self._restarting:
            Ambush.disarm(self)

    def _strike(self, dialogue: Dialogue) -> Answer | None:
        with self._restarting:
            if not self._fatal:  # disarmed while this thread was on its way
                return None
            self.times += 1
            return self.do(dialogue)
