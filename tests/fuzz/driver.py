"""Inputs of a seed, one after the other, and what a target makes of each."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Iterator
from typing import NamedTuple

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import Target


class Finding(NamedTuple):
    """An input that was not handled as documented: the same seed and number give it again."""

    target: str
    number: int
    what: str


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """Endless inputs, the same for the same seed: the samples as they are, then changed ones."""
    samples, chance = target.samples(), random.Random(seed)
    yield from samples
    while True:
        yield mutated(samples, chance)


def tried(target: Target, octets: bytes) -> tuple[str, float]:
    """The exception and its place, or "", and the seconds of the processor that it took."""
    begun = time.process_time()
    try:
        target.run(octets)
        what = ""
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {place.name}, {place.filename}:{place.lineno}: {str(error)[:200]}"
    return what, time.process_time() - begun
