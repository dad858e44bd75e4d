"""Waiting for several connections: real pairs of sockets."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mailrunner.transports.smtp.poller import Poller, wait_for

SOON = 0.01  # seconds, for what never comes
HOURS = 1e4  # seconds
PATIENT = 30.0  # seconds, for what comes even to a busy machine


@dataclass(eq=False)
class Line:
    """One end of a pair of sockets, and what is said of it."""

    near: socket.socket
    far: socket.socket
    wants_write: bool = False
    deadline: float | None = None

    @classmethod
    def made(cls) -> Line:
        return cls(*socket.socketpair())

    def fileno(self) -> int:
        return self.near.fileno()

    @property
    def stream(self) -> Line | None:
        return None if self.near.fileno() < 0 else self

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture(params=["poll", "select"], autouse=True)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system with `select.poll`, and one without it, as Windows is."""
    if request.param == "select":
        monkeypatch.delattr(select, "poll", raising=False)


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    made = [Line.made() for _ in range(3)]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def watch(lines: list[Line]) -> Poller[Line]:
    """Watches all of them, and has just told of all."""
    watch: Poller[Line] = Poller(every=HOURS)
    for one in lines:
        watch.note(one)
    assert (watch.ready(), watch.ready()) == (lines, [])
    return watch


def told(watch: Poller[Line]) -> list[Line]:
    """What may go on, as soon as that is something."""
    watch.wait(PATIENT)
    return watch.ready()


def test_only_those_that_may_go_on_are_told_of(watch: Poller[Line], lines: list[Line]) -> None:
    lines[1].far.send(b"250 ok")
    assert told(watch) == [lines[1]]
    lines[1].near.recv(100)
    lines[2].far.close()
    assert told(watch) == [lines[2]]


def test_one_that_wants_to_write_is_told_of_once_it_says_so(watch: Poller[Line], lines: list[Line]) -> None:
    lines[0].wants_write = True
    watch.note(lines[0])
    assert told(watch) == [lines[0]]


def test_a_closed_one_is_forgotten_though_another_has_its_number(lines: list[Line]) -> None:
    watch: Poller[Line] = Poller(every=HOURS)
    old, new, _ = lines
    watch.note(old)
    number = old.fileno()
    old.close()
    new.near = socket.socket(fileno=_moved(new.near, number))
    watch.note(new)
    watch.note(old)
    assert watch.ready() == [new]  # told of all, once
    new.far.send(b"220 hello")
    assert told(watch) == [new]


def _moved(sock: socket.socket, number: int) -> int:
    """The same connection under another number."""
    os.dup2(sock.fileno(), number)
    sock.close()
    return number


def test_after_a_while_all_are_told_of_as_a_deadline_may_have_come(lines: list[Line]) -> None:
    watch: Poller[Line] = Poller(every=0.0)
    for one in lines:
        watch.note(one)
    assert watch.ready() == watch.ready() == lines


def test_without_any_connection_it_just_waits() -> None:
    watch: Poller[Line] = Poller(every=HOURS)
    watch.wait(SOON)
    assert watch.ready() == []


def test_a_deadline_ends_the_wait_for_one(lines: list[Line]) -> None:
    lines[0].deadline = 0.0
    wait_for(lines[:1], 1e6)  # which would be days
