"""What it costs to inline the CSS of a message: by premailer, with its memory, and from a plan.

    .venv/bin/python -m bench.inlining [MESSAGES]

Each template of tests/shape_corpus in a process of its own, 2,000 rows unless said otherwise; times are
medians in ms, `run` is the mean over all the messages with all planning and comparing in it.  Rendering is
in every figure but `memo`.  Ratios are to `premailer`, which has its cache enlarged as in every run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from bench.machine import name as machine
from mailrunner.rendering.inlining.cached import CachedInliner
from mailrunner.rendering.inlining.premailer import PremailerInliner
from mailrunner.rendering.inlining.shape_cache import ShapeInliner
from tests.data.shape_corpus.rows import PLAIN, row, template

TEMPLATES = ("letter", "receipt", "newsletter", "invoice", "sideways", "digest", "captured")
COLUMNS = "template|KB|premailer|memo|hit|run|premailer:memo|:hit|:run|hits|plans|why not"


def median(make: Callable[[Any], object], of: Iterable[Any]) -> float:
    times = []
    for one in of:
        start = time.perf_counter()
        make(one)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3 if times else 0.0


def measure(which: str, messages: int) -> dict[str, Any]:
    """Run one template and return what came of it."""
    compiled, random = template(which), Random(1)  # noqa: S311
    rows = [row(random, PLAIN) for _ in range(messages)]
    premailer, inliner = PremailerInliner(), ShapeInliner()
    memo = CachedInliner(premailer)
    premailer.inline("<p>the imports are not this template's</p>")
    start = time.perf_counter()
    for context in rows:
        inliner.inline(compiled, context)
    run = (time.perf_counter() - start) / messages * 1e3
    tally = inliner.tally
    pages = [compiled.render(context) for context in rows[:200]]
    planned = [context for context in rows[-500:] if inliner.inline(compiled, context).shape]
    return {
        "template": which,
        "KB": statistics.median(map(len, pages)) / 1e3,
        "premailer": median(lambda c: premailer.inline(compiled.render(c)), rows[:150]),
        "memo": median(memo.inline, pages),
        "hit": median(lambda c: inliner.inline(compiled, c), planned),
        "run": run,
        "hits": tally.hits / tally.messages,
        "plans": tally.plans,
        "why": tally.mismatch or dict(tally.reasons.most_common(2)),
    }


def line(of: dict[str, Any]) -> str:
    ratios = [f"{of['premailer'] / of[way]:.0f}" if of[way] else "–" for way in ("memo", "hit", "run")]
    times = [f"{of[way]:.3f}" for way in ("premailer", "memo", "hit", "run")]
    rest = [f"{of['hits']:.1%}", str(of["plans"]), str(of["why"])]
    return "|".join([of["template"], f"{of['KB']:.1f}", *times, *ratios, *rest])


def main() -> None:
    messages = sys.argv[1] if len(sys.argv) > 1 else "2000"
    if len(sys.argv) > 2:
        print(json.dumps(measure(sys.argv[2], int(messages))))
        return
    print(machine())
    print(f"|{COLUMNS}|\n{'|---' * (COLUMNS.count('|') + 1)}|")
    for which in TEMPLATES:
        command = [sys.executable, "-m", "bench.inlining", messages, which]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"|{line(json.loads(done.stdout))}|", flush=True)


if __name__ == "__main__":
    main()
