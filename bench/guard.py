"""CPU of one message more, as a ratio to a fixed loop of plain Python: fails where it has grown much.

    python -m bench.guard

Both are CPU time of the same machine in the same minute, so a slow or busy machine changes neither much.
The bound is about twice what was measured when it was set: it catches a fast path that is not taken
any more, not a few per cent.
"""

from __future__ import annotations

import statistics
import sys
import time

from bench import end_to_end
from bench.sink import smtp_sink

BOUND = 10.0
_PEOPLE = 8_000
_ROUNDS = 3


def reference() -> float:
    """CPU µs of a fixed piece of work: building and reading dictionaries and strings."""
    started = time.process_time()
    for _ in range(200):
        words = {str(number): number for number in range(250)}
        assert sum(words[str(number)] for number in range(250)) == 31_125
        assert len("".join(words)) == 640
    return (time.process_time() - started) / 200 * 1e6


def main() -> None:
    ratios = []
    with smtp_sink() as port:
        for _ in range(_ROUNDS):
            before = reference()
            _, cpu, _ = end_to_end.marginal(port, _PEOPLE, 64)
            ratios.append(cpu / statistics.mean((before, reference())))
    ratio = statistics.median(ratios)
    print(f"CPU of one message more: {ratio:.2f} times the reference loop (bound: {BOUND})")
    sys.exit(ratio > BOUND)


if __name__ == "__main__":
    main()
