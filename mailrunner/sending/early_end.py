"""Messages in flight when a run ends before its time: what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.sending.connection import Connection, Result

_NOT_BEGUN = Outcome(
    OutcomeKind.DEFERRED, Scope.CONNECTION, "the run ended before the message was begun", offered=False
)


def rest_of(
    connections: Sequence[Connection], hear: Callable[[], list[Result]] | None, now: datetime
) -> list[Result]:
    """The results of all that is in flight on `connections`; afterwards nothing is.

    With `hear`, which waits a moment and returns the results that came, all answers are waited for; without
    it the connections are closed.  A message whose content was not begun is taken back: it was not sent.
    """
    results = _withdrawn(connections)
    while hear and any(each.in_flight for each in connections):
        results += hear()
        results += _withdrawn(connections)
    for connection in connections:
        if connection.in_flight:
            results += connection.results(now)
            connection.transport.close()
            results += connection.results(now)
    return results


def _withdrawn(connections: Sequence[Connection]) -> list[Result]:
    """Take back the messages that wait for a permit; they are queued again."""
    results = []
    for connection in connections:
        if (delivery := connection.held) is not None:
            connection.withdraw()
            results.append(Result(delivery, _NOT_BEGUN))
    return results
