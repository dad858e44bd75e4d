"""What the servers do wrong while a command is at work, and the trap that kills it from there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

from tests.crash.lives import kill
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import (
    Answer,
    Cut,
    Do,
    Rule,
    accept_and_hang_up,
    accept_then_cut,
    cut,
    garbage,
    reply,
)

_DEEDS: tuple[tuple[str, Callable[[], Do]], ...] = (
    ("rcpt", lambda: reply(450, "4.2.0 greylisted, try again later")),
    ("rcpt", lambda: reply(550, "5.1.1 no such user here")),
    ("rcpt", lambda: reply(552, "5.2.2 mailbox full")),
    ("rcpt", lambda: reply(452, "4.5.3 too many recipients per session")),
    ("mail", lambda: reply(421, "4.3.2 closing for a moment")),
    ("mail", lambda: reply(451, "4.7.1 please try again in 10 minutes")),
    ("mail", lambda: reply(450, "4.2.1 the account has sent too many messages this hour")),
    ("data", lambda: reply(451, "4.3.0 local error in processing")),
    ("data", lambda: reply(354, "go on")),
    ("eod", lambda: reply(451, "4.3.0 local error in processing")),
    ("eod", lambda: reply(550, "5.2.1 mailbox disabled")),
    ("eod", lambda: reply(554, "5.7.1 message rejected as spam")),
    ("eod", lambda: reply(421, "4.3.2 shutting down")),
    ("eod", accept_then_cut),
    ("eod", lambda: accept_then_cut(reset=True)),
    ("eod", accept_and_hang_up),
    ("eod", cut),
    ("body", cut),
    ("data", lambda: cut(reset=True)),
    ("mail", cut),
    ("connect", cut),
    ("connect", lambda: reply(421, "4.3.2 too busy")),
    ("ehlo", cut),
    ("rset", cut),
    ("rcpt", lambda: garbage(b"\xff\xfe what?\r\n")),
)


class _Chance:
    """Holds a share of all numbers."""

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._random = share, Random(seed)

    def __contains__(self, _: object) -> bool:
        return self._random.random() < self._share


def misbehaviour(random: Random) -> tuple[Rule, ...]:
    """Rules drawn at random: none, a few, each for a share of the messages."""
    deeds = random.sample(_DEEDS, random.choice((0, 0, 1, 2, 4)))
    return tuple(
        Rule(stage, deed(), nth=_Chance(random.choice((0.05, 0.2, 0.6)), random.randrange(2**32)))
        for stage, deed in deeds
    )


class Trap:
    """Kills the process that `aim` names at the `nth` time that any server reaches `stage`.

    `taken`: at the end of the data the server takes the message of the process that is dead by then.
    """

    def __init__(self, stage: str, nth: int, *, taken: bool) -> None:
        self._stage, self._left, self._taken = stage, nth, taken and stage == "eod"
        self._pid = 0
        self._known = threading.Event()

    def rule(self) -> Rule:
        return Rule(self._stage, self._strike, nth=self)

    def aim(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def disarm(self) -> None:
        """The process has ended: its number may be another's soon."""
        self._left = 0

    def __contains__(self, _: object) -> bool:
        self._left -= 1
        return self._left == 0

    def _strike(self, _: Dialogue) -> Answer | None:
        self._known.wait()
        kill(self._pid)
        if self._taken:
            return None
        raise Cut
