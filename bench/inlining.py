"""What it costs to inline the CSS of a message, against plain premailer.

    .venv/bin/python -m bench.inlining [--public] [MESSAGES]

Templates of tests/data/shape_corpus, or with `--public` those of npm packages (tests/looks/corpus.py), each in
a process of its own, 2,000 rows unless said otherwise; times in ms.  `premailer` (plain, with its cache
enlarged) and `corrected` (strict inlining) are medians, `hit` is the median of a message from a plan, `run` the
mean over all messages with all planning and comparing in it, `blank` that with every tenth cell empty.
Rendering and joining the document are in every figure but `cached`.  Ratios are to `premailer`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from bench.machine import name as machine
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.inlining.cached import CachedInliner
from mailrunner.rendering.inlining.premailer import PremailerInliner
from mailrunner.rendering.inlining.shape_cache import ShapeInliner
from mailrunner.rendering.templates import Templates
from tests.data.shape_corpus.rows import PLAIN, row, template
from tests.looks.__main__ import plain_premailer
from tests.looks.corpus import templates

TEMPLATES = ("letter", "receipt", "newsletter", "invoice", "sideways", "digest", "captured", "bare")
COLUMNS = "template|KB|premailer|corrected|cached|hit|run|blank|premailer:cached|:hit|:run|:blank|hits|plans|why not"
FIELD = "{{ first_name }}"
BLANK = (*PLAIN, *PLAIN, "", "")  # about every tenth


def median(make: Callable[[Any], object], of: Iterable[Any]) -> float:
    times = []
    for one in of:
        start = time.process_time()
        make(one)
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e3 if times else 0.0


def public(name: str) -> CompiledTemplate:
    """A template of the public collections, with a field of the row in each of its places."""
    source = dict(templates(value=FIELD))[name]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "t.html").write_text(source, encoding="utf-8")
        return Templates(folder=Path(folder), templates_dir=Path(folder)).html("t.html")


def run(compiled: CompiledTemplate, rows: list[dict[str, Any]]) -> tuple[float, ShapeInliner]:
    inliner = ShapeInliner()
    start = time.process_time()
    for context in rows:
        assert inliner.inline(compiled, context).html
    return (time.process_time() - start) / len(rows) * 1e3, inliner


def measure(which: str, messages: int) -> dict[str, Any]:
    """Run one template and return what came of it."""
    compiled = template(which) if which in TEMPLATES else public(which)
    rows, blank = ([row(random, values) for _ in range(messages)] for random, values in SPREAD)
    corrected = PremailerInliner()
    for inline in (corrected.inline, plain_premailer):
        inline("<style>p{margin:0}</style><p style='color:red'>the imports are not this template's</p>")
    whole, inliner = run(compiled, rows)
    tally = inliner.tally
    pages = [compiled.render(context) for context in rows[:100]]
    planned = [context for context in rows[-300:] if inliner.inline(compiled, context).shape]
    return {
        "template": which,
        "KB": statistics.median(map(len, pages)) / 1e3,
        "premailer": median(lambda c: plain_premailer(compiled.render(c)), rows[:40]),
        "corrected": median(lambda c: corrected.inline(compiled.render(c)), rows[:20]),
        "cached": median(CachedInliner(corrected).inline, pages),
        "hit": median(lambda c: inliner.inline(compiled, c).html, planned),
        "run": whole,
        "blank": run(compiled, blank)[0],
        "hits": tally.hits / tally.messages,
        "plans": tally.plans,
        "why": tally.mismatch or dict(tally.reasons.most_common(2)),
    }


SPREAD = ((Random(1), PLAIN), (Random(2), BLANK))  # noqa: S311


def line(of: dict[str, Any]) -> str:
    ways = ("cached", "hit", "run", "blank")
    ratios = [f"{of['premailer'] / of[way]:.1f}" if of[way] else "–" for way in ways]
    times = [f"{of[way]:.3f}" for way in ("premailer", "corrected", *ways)]
    rest = [f"{of['hits']:.1%}", str(of["plans"]), str(of["why"])]
    return "|".join([of["template"], f"{of['KB']:.1f}", *times, *ratios, *rest])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", nargs="?", type=int, default=2000)
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments.messages)))
        return
    print(machine())
    print(f"|{COLUMNS}|\n{'|---' * (COLUMNS.count('|') + 1)}|")
    found = []
    enlarged = {**os.environ, "PREMAILER_CACHE": "LRU", "PREMAILER_CACHE_MAXSIZE": "20000"}
    for which in dict(templates(value=FIELD)) if arguments.public else TEMPLATES:
        command = [sys.executable, "-m", "bench.inlining", str(arguments.messages), "--only", which]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=enlarged)
        if done.returncode:  # plain premailer cannot take every template
            print(f"|{which}: {done.stderr.strip().splitlines()[-1]}|", flush=True)
            continue
        found.append(json.loads(done.stdout))
        print(f"|{line(found[-1])}|", flush=True)
    for way in ("run", "blank", "hit", "cached"):
        ratios = [one["premailer"] / one[way] for one in found if one[way]]
        print(f"{way}: median {statistics.median(ratios):.0f}, least {min(ratios):.1f}")


if __name__ == "__main__":
    main()
