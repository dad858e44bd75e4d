"""The short form of `make fuzz`: some hundred inputs for each parser, the same every time."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.fuzz.driver import inputs, tried
from tests.fuzz.targets import TARGETS, Target

MANY = {
    "imap": 25,
    "reply": 30,
    "mail": 120,
    "event": 100,
    "suppressions": 100,
    "cells": 100,
    "workbook": 30,
    "sheet": 40,
}
USUAL = 300
SAMPLES = {"reply": 60}


@pytest.mark.parametrize("name", TARGETS)
def test_any_octets_are_handled_as_documented(name: str) -> None:
    samples = min(len(TARGETS[name].samples()), SAMPLES.get(name, 150))
    many = samples + MANY.get(name, USUAL)
    for octets in islice(inputs(TARGETS[name], 7), many):
        assert tried(TARGETS[name], octets)[0] == "", octets[:500]


def test_a_fault_is_found_and_named() -> None:
    def fails(octets: bytes) -> None:
        if b"\0" in octets:
            raise LookupError("here")

    target = Target(lambda: (b"x",), fails)
    found = {tried(target, octets)[0] for octets in islice(inputs(target, 1), 200)}
    assert any(what.startswith("LookupError in fails") for what in found)


def test_a_seed_gives_the_same_inputs_again() -> None:
    first, again = ([*islice(inputs(TARGETS["token"], 3), 20)] for _ in range(2))
    assert first == again != [*islice(inputs(TARGETS["token"], 4), 20)]
