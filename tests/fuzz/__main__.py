"""Fuzz for a while: `python -m tests.fuzz --seconds 600 --seed 1`; each finding says how to see it again."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.driver import Finding, inputs, tried
from tests.fuzz.targets import TARGETS

MOST_SECONDS = 5.0  # of the processor, for one input


def main() -> int:
    """Run each target for its share of the time; 1 if there was a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=TARGETS, help="one target")
    parser.add_argument("--number", type=int, help="one input again, by its number")
    options = parser.parse_args()
    names = [options.only] if options.only else list(TARGETS)
    if options.number is not None:
        return _again(names[0], options.seed, options.number)
    findings = [
        found for name in names for found in _fuzzed(name, options.seed, options.seconds / len(names))
    ]
    return 1 if findings else 0


def _fuzzed(name: str, seed: int, seconds: float) -> list[Finding]:
    end, findings, number = time.monotonic() + seconds, list[Finding](), 0
    for number, octets in enumerate(inputs(TARGETS[name], seed)):
        found, spent = tried(TARGETS[name], octets)
        if spent > MOST_SECONDS:
            found = f"took {spent:.1f} s"
        if found and all(found != known.what for known in findings):
            findings.append(Finding(name, number, found))
            again = f"python -m tests.fuzz --only {name} --seed {seed} --number {number}"
            print(f"{name} {number}: {found}\n  {again}\n  {octets[:200]!r}", flush=True)
        if time.monotonic() > end or len(findings) == 20:
            break
    print(f"{name}: {number + 1:,} inputs, {len(findings)} findings", flush=True)
    return findings


def _again(name: str, seed: int, number: int) -> int:
    octets = next(one for place, one in enumerate(inputs(TARGETS[name], seed)) if place == number)
    sys.stdout.buffer.write(octets + b"\n")
    TARGETS[name].run(octets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
