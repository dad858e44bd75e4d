"""Delivers events in a thread of its own: sending never waits for a hook."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from mailrunner.clock import Clock, rfc3339
from mailrunner.sending.hooks.channels import Channel, HookError
from mailrunner.sending.hooks.events import HookEvent, ToldEvents

TRIES = 3
_PAUSES = (1.0, 5.0)  # seconds between them
_MOST_WAITING = 100
_FAREWELL = 60.0  # seconds; the end of a command waits no longer


class Hooks:
    """The hooks of one command; `say` gets a sentence for each that fails, once, when they are closed.

    `channels` are by the name of their target.  An event that was told last of its campaign is not told
    again; where a hundred wait, further ones are dropped.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        told: ToldEvents,
        clock: Clock,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._channels, self._told, self._clock, self._say = channels, told, clock, say
        self._waiting: queue.Queue[tuple[HookEvent, str] | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._failures: dict[str, str] = {}

    def tell(self, event: HookEvent, *, again: bool = False) -> None:
        """Let all hooks be told soon; `again`: also where the same was told of the campaign last."""
        if not self._channels or not self._told.is_news(event, again=again):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="hooks", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait((event, event.as_json(rfc3339(self._clock.now()))))
        except queue.Full:
            self._failures["on_event"] = "too many events wait; some were dropped"

    def close(self) -> None:
        """Wait, for a minute at most, until all is told; then say what failed."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(_FAREWELL)
            if self._thread.is_alive():
                self._failures.setdefault("on_event", f"not all was told within {_FAREWELL:.0f} seconds")
            self._closing.set()
            self._thread = None
        for name, why in self._failures.items():
            self._say(f"the hook {name} failed: {why}")
        self._failures.clear()

    def _deliver(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            for name, channel in self._channels.items():
                self._tell_one(name, channel, *waiting)

    def _tell_one(self, name: str, channel: Channel, event: HookEvent, payload: str) -> None:
        for number in range(TRIES):
            try:
                channel(event, payload)
                return
            except HookError as error:
                self._failures[name] = str(error)
            except Exception as error:  # a hook ends no run
                self._failures[name] = f"{type(error).__name__}: {error}"
            if number < TRIES - 1 and self._closing.wait(_PAUSES[number]):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
