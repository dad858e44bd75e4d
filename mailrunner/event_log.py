"""The event log: every event that an operator may look for, one method each.

Events go to a file as JSON lines (`--log-json FILE`); addresses stand in it, secrets never do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from mailrunner.clock import Clock, rfc3339
from mailrunner.errors import LedgerError
from mailrunner.model.outcome import Outcome
from mailrunner.store.private_file import opener

if TYPE_CHECKING:
    from mailrunner.rendering import InliningTally


class EventLog:
    """Writes one JSON object a line; without a file it writes nothing.

    `listener` gets each event as well, as an object without secrets; it must not raise.
    """

    def __init__(
        self,
        file: Path | None,
        *,
        clock: Clock,
        secrets: Iterable[str] = (),
        listener: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._clock = clock
        self._secrets = tuple(s for s in secrets if s)
        self._guard = threading.Lock()
        self._stream: TextIO | None = None
        self._listener = listener
        # What costs much to find out need not be, for a log without file.
        self.is_kept = file is not None or listener is not None
        if file is not None:
            try:
                self._stream = open(file, "a", encoding="utf-8", opener=opener)  # noqa: SIM115
            except OSError as error:
                raise LedgerError(f"the log {file} cannot be written: {error.strerror}") from error

    def run_begun(self, campaign: str, run: int, total: int, queued: int) -> None:
        self._write("run_begun", campaign=campaign, run=run, total=total, queued=queued)

    def run_ended(self, campaign: str, sent: int, why: str, resume_at: datetime | None) -> None:
        self._write("run_ended", campaign=campaign, sent=sent, why=why, resume_at=rfc3339(resume_at))

    def answered(self, campaign: str, address: str, message_id: str, state: str, outcome: Outcome) -> None:
        """One delivery's outcome; `state` is where it stands now."""
        self._write(
            "answered",
            campaign=campaign,
            address=address,
            message_id=message_id,
            state=state,
            kind=outcome.kind,
            scope=outcome.scope,
            reason=outcome.reason,
            reply=str(outcome.reply or ""),
            provider_id=outcome.provider_id,
        )

    def unrenderable(self, campaign: str, address: str, reason: str) -> None:
        self._write("unrenderable", campaign=campaign, address=address, reason=reason)

    def suppressed(self, campaign: str, address: str) -> None:
        self._write("suppressed", campaign=campaign, address=address)

    def claim_lost(self, campaign: str, address: str) -> None:
        """Another run took this delivery over; the outcome that this run saw was not recorded."""
        self._write("claim_lost", campaign=campaign, address=address)

    def no_connection(self, outcome: Outcome) -> None:
        self._write("no_connection", scope=outcome.scope, reason=outcome.reason)

    def waiting(self, campaign: str, why: str, until: datetime | None) -> None:
        self._write("waiting", campaign=campaign, why=why, until=rfc3339(until))

    def stopped(self, campaign: str, reason: str) -> None:
        self._write("stopped", campaign=campaign, reason=reason)

    def inlined(self, campaign: str, tally: InliningTally) -> None:
        """How a run's messages got their CSS: from plans, by cached premailer, by premailer itself."""
        if tally.messages:
            self._write("inlined", campaign=campaign, **{**asdict(tally), "reasons": dict(tally.reasons)})

    def serving(self, address: str) -> None:
        """`serve` listens."""
        self._write("serving", address=address)

    def taken_in(self, effects: Mapping[str, int], milliseconds: float) -> None:
        """A group of clicks or inbound events is recorded: how many had which effect, how long it took."""
        self._write("taken_in", effects=dict(effects), milliseconds=round(milliseconds, 1))

    def not_taken_in(self, number: int, reason: str) -> None:
        """`number` clicks or inbound events could not be recorded; their senders were told so."""
        self._write("not_taken_in", number=number, reason=reason)

    def requests(self, answers: Mapping[str, int]) -> None:
        """How many requests were answered how since the last such event: "POST /u/… 200" and a number."""
        self._write("requests", answers=dict(answers))

    def serving_ended(self) -> None:
        self._write("serving_ended")

    def dashboard_action(self, user: str, action: str, about: Mapping[str, object]) -> None:
        """A user of the dashboard changed something, or searched the suppression list."""
        self._write("dashboard_action", user=user, action=action, about=dict(about))

    def ledger_away(self, campaign: str, reason: str) -> None:
        """The ledger could not be used for a moment; the same is tried again."""
        self._write("ledger_away", campaign=campaign, reason=reason)

    def clock_differs(self, campaign: str, seconds: float) -> None:
        """This machine's clock is so far ahead of the ledger's (negative: behind), by which the run goes."""
        self._write("clock_differs", campaign=campaign, seconds=round(seconds, 1))

    def notice(self, campaign: str, sentence: str) -> None:
        self._write("notice", campaign=campaign, sentence=sentence)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, event: str, **values: Any) -> None:
        if self._stream is None and self._listener is None:
            return
        said = {"time": rfc3339(self._clock.now()), "event": event, **self._without_secrets(values)}
        if self._stream is not None:
            line = json.dumps(said, ensure_ascii=False) + "\n"
            with self._guard:
                self._stream.write(line)
                self._stream.flush()
        if self._listener is not None:
            self._listener(said)

    def _without_secrets(self, value: Any) -> Any:
        """The value with *** for each secret in its texts."""
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "***")
            return str(value)
        if isinstance(value, Mapping):
            return {key: self._without_secrets(each) for key, each in value.items()}
        return [self._without_secrets(each) for each in value] if isinstance(value, list | tuple) else value
