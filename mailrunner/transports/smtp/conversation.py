"""A pipeline on a connection: moves bytes between the two without ever waiting."""

from __future__ import annotations

import smtplib
import time

from mailrunner.transports.smtp.nonblocking_socket import NonblockingSocket
from mailrunner.transports.smtp.pipeline import Pipeline
from mailrunner.transports.smtp.reply_reader import ReplyBuffer


class Conversation:
    """`replies` is what was received on `channel` and not understood yet."""

    def __init__(self, *, channel: NonblockingSocket, replies: ReplyBuffer, pipeline: Pipeline) -> None:
        self._channel, self._replies, self._pipeline = channel, replies, pipeline

    def fileno(self) -> int:
        return self._channel.fileno()

    @property
    def wants_write(self) -> bool:
        return self._channel.wants_write(unsent=bool(self._pipeline.unsent()))

    def deadline(self, timeout: float, final_timeout: float) -> float | None:
        """The instant of `time.monotonic` until which an answer is waited for, None if none is."""
        since = self._pipeline.waits_since
        return None if since is None else since + self._patience(timeout, final_timeout)

    def go_on(self, timeout: float, final_timeout: float) -> None:
        """Listen, speak, and give up once the answer that is awaited has not come in that many seconds."""
        try:
            # What is about to be said may complete a message: not before all there is was heard.
            while self._listen() and self._pipeline.unsent():
                pass
            self._speak()
        except smtplib.SMTPServerDisconnected as nonsense:
            self._pipeline.lost(str(nonsense))
        except OSError as error:
            self._pipeline.lost(f"the connection broke: {error.strerror}")
        deadline = self.deadline(timeout, final_timeout)
        if deadline is not None and time.monotonic() >= deadline:
            self._pipeline.lost(f"there was no answer within {self._patience(timeout, final_timeout):g} s")

    def _patience(self, timeout: float, final_timeout: float) -> float:
        return final_timeout if self._pipeline.awaits_verdict else timeout

    def _listen(self) -> bool:
        """Take what the server has said; return whether that was anything."""
        octets = self._channel.receive()
        if octets:
            self._replies.feed(octets)
        now = time.monotonic()
        while not self._pipeline.is_closed and (reply := self._replies.next()):
            self._pipeline.heard(*reply, now)
        self._pipeline.go_on()
        if octets == b"":
            self._pipeline.lost("the server closed the connection")
        return bool(octets)

    def _speak(self) -> None:
        if not (unsent := self._pipeline.unsent()):
            return
        try:
            written = self._channel.send(unsent)
        except OSError:
            self._listen()  # the server may have said why before it hung up
            raise
        self._pipeline.wrote(written, time.monotonic())
