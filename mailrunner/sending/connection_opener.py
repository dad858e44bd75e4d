"""Opens the connections of a run in threads beside the loop: one first, the others after its login."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from mailrunner.model.outcome import Outcome
from mailrunner.model.wait_reason import Wait
from mailrunner.sending.connection import Connection

_MOST_OPENING = 32
_LOGIN_IS_NEWS = timedelta(seconds=10)


class ConnectionOpener:
    """The way to the server, which all `connections` share.

    A wrong password, and anything else that is wrong with server or set-up, is wrong for all of them.
    So only one is opened until a login has succeeded a moment ago, and after a failure or a loss the
    same one is tried again: a server that locks the account after a few wrong logins sees one.
    """

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self._pool = ThreadPoolExecutor(min(_MOST_OPENING, len(connections)), thread_name_prefix="opening")
        self._probe: Connection | None = None  # it failed last, and goes first
        self._succeeded_at: datetime | None = None
        self.opening: list[Connection] = []

    def open(self, idle: Sequence[Connection], number: int, now: datetime) -> list[Connection]:
        """Begin to open up to `number` of those that are `idle`, as far as that is wise now; return them."""
        if not self._is_login_news(now):
            number = min(number, 0 if self.opening else 1)
        candidates = self._candidates()
        chosen = [each for each in idle if each in candidates][: max(0, number)]
        for connection in chosen:
            connection.open(self._pool)
        self.opening += chosen
        return chosen

    def finished(self, now: datetime) -> list[tuple[Connection, Outcome | None]]:
        """Take back the connections that the other threads are done with, each with what stood in its way."""
        done = []
        for connection in self.opening:
            problem = connection.opened(now)
            if not connection.opening:
                done.append((connection, problem))
                self._note(connection, problem, now)
        self.opening = [each for each in self.opening if each.opening]
        return done

    def note_loss(self) -> None:
        """A connection was lost: whether the others could log in again is not known any more."""
        self._succeeded_at = None

    def give_up(self, wait: Wait) -> None:
        """Open none any more, for the reason of `wait`."""
        for each in self._connections:
            if not each.is_in_use:
                each.wait = each.wait or wait

    def next_try(self, now: datetime) -> datetime:
        """The instant at which one may be opened again."""
        return min((each.backoff_until or now for each in self._candidates()), default=now)

    def shutdown(self) -> None:
        """Wait for the threads, and end them."""
        self._pool.shutdown()

    def _candidates(self) -> list[Connection]:
        if self._probe and self._probe.wait:
            self._probe = None  # given up: the next one's turn
        return [self._probe] if self._probe else [each for each in self._connections if not each.wait]

    def _is_login_news(self, now: datetime) -> bool:
        return self._succeeded_at is not None and now - self._succeeded_at <= _LOGIN_IS_NEWS

    def _note(self, connection: Connection, problem: Outcome | None, now: datetime) -> None:
        self._succeeded_at, self._probe = (None, connection) if problem else (now, None)
        if connection.wait and not any(each.is_in_use for each in self._connections):
            self.give_up(connection.wait)  # what one could not reach, none can
