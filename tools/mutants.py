"""Are the tests able to fail?  A seeded sample of small changes to the modules that promises hang on.

Each changed module is tried against the tests that cover it (`tools/mutants.toml`), in a copy of the tree.
What they do not notice is printed, with the share that they do.

    python -m tools.mutants --minutes 30 --seed 1
    python -m tools.mutants --only model/quota --sample 1000
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

from tools.imports import ROOT
from tools.mutations import Mutation, mutations

_TABLE = ROOT / "tools/mutants.toml"
_LINKED_TO = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
_FILES = ("pyproject.toml", "Makefile", "Dockerfile", "mkdocs.yml")
_TREE = ("mailrunner", "tests", "tools", "docs", *_FILES, *_LINKED_TO)
_SLOWER = 5.0  # a mutant that takes so many times as long as the module itself, and 30 s, hangs: noticed
_ENOUGH = 0.93
_WITHOUT = ("cacheprovider", "randomly", "xdist")  # plugins
_FORKS = multiprocessing.get_context("forkserver")
# Imported once, and nothing of mailrunner: that is what changes.
_FORKS.set_forkserver_preload(["pytest", "hypothesis", "sqlalchemy", "pydantic", "typer.testing", "jinja2"])


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mutation of `module` ("model/quota"), and the tests that should notice it."""

    module: str
    tests: tuple[str, ...]
    mutation: Mutation

    def __str__(self) -> str:
        return f"{self.module}.py:{self.mutation.line}: {self.mutation.kind}: {self.mutation.change}"


@dataclass(slots=True)
class Outcome:
    """How many were noticed, and those that were not."""

    killed: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    untried: int = 0

    @property
    def share(self) -> float:
        return self.killed / max(1, self.killed + len(self.survivors))


class Trees:
    """Copies of the tree, one for each worker; `taken` lends one."""

    def __init__(self, home: Path, number: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for each in range(number):
            folder = home / str(each)
            folder.mkdir()
            for name in _TREE:
                source = ROOT / name
                copied = shutil.copytree if source.is_dir() else shutil.copy
                copied(source, folder / name)
            self._free.put(folder)

    @contextmanager
    def taken(self) -> Iterator[Path]:
        folder = self._free.get()
        try:
            yield folder
        finally:
            self._free.put(folder)


def sample(only: str, size: int, random: Random, table: Mapping[str, Any]) -> list[Mutant]:
    """`size` mutants, drawn from all modules alike; equivalent ones are left out."""
    equivalent = {(each["module"], each["change"]) for each in table.get("equivalent", [])}
    drawn: list[list[Mutant]] = []
    for module, tests in table["tests"].items():
        if only and only not in module:
            continue
        source = (ROOT / f"mailrunner/{module}.py").read_text(encoding="utf-8")
        known = tuple(f"tests/{each}" for each in tests if (ROOT / "tests" / each).exists())
        found = [Mutant(module, known, each) for each in mutations(source)]
        found = [each for each in found if (module, each.mutation.change) not in equivalent]
        random.shuffle(found)
        drawn.append(found)
    rounds = max(map(len, drawn), default=0)
    return [found[n] for n in range(rounds) for found in drawn if n < len(found)][:size]


def is_noticed(mutant: Mutant, trees: Trees, baseline: Baseline) -> bool:
    """True if a test fails, or hangs, with the mutant in place."""
    within = baseline.within(mutant.tests)
    with trees.taken() as folder:
        file = folder / f"mailrunner/{mutant.module}.py"
        kept = file.read_text(encoding="utf-8")
        file.write_text(mutant.mutation.source, encoding="utf-8")
        try:
            return not passes(mutant.tests, folder, within=within)
        finally:
            file.write_text(kept, encoding="utf-8")


def passes(tests: Sequence[str], folder: Path, *, within: float) -> bool:
    """True if the tests pass in that copy of the tree within so many seconds."""
    process = _FORKS.Process(target=_run, args=(folder, tuple(tests)))
    process.start()
    process.join(within)
    if process.exitcode is None:
        os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
    return process.exitcode == 0


def _run(folder: Path, tests: tuple[str, ...]) -> None:
    """The tests in this fork, in a group of its own with all that they start; silent."""
    os.setsid()
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    import pytest

    options = ["-x", "-q", *(word for name in _WITHOUT for word in ("-p", f"no:{name}"))]
    os._exit(pytest.main([*options, "-W", "ignore::pytest.PytestAssertRewriteWarning", *tests]))


class Baseline:
    """How long each set of tests may take with a mutant: a few times what it takes without."""

    def __init__(self, trees: Trees) -> None:
        self._trees, self._longest = trees, dict[tuple[str, ...], float]()

    def within(self, tests: tuple[str, ...]) -> float:
        """The seconds for these tests; SystemExit if they fail without a mutant."""
        if tests not in self._longest:
            began = time.monotonic()
            with self._trees.taken() as folder:
                if not tests or not passes(tests, folder, within=600):
                    raise SystemExit(f"these fail without a mutant: {' '.join(tests)}")
            self._longest[tests] = 30 + _SLOWER * (time.monotonic() - began)
        return self._longest[tests]


def try_all(mutants: Sequence[Mutant], trees: Trees, *, jobs: int, until: float) -> Outcome:
    """Try the mutants in turn until the time is over."""
    outcome, baseline = Outcome(), Baseline(trees)

    def attempt(mutant: Mutant) -> None:
        if time.monotonic() > until:
            outcome.untried += 1
        elif is_noticed(mutant, trees, baseline):
            outcome.killed += 1
        else:
            outcome.survivors.append(mutant)
            sys.stdout.write(f"survived: {mutant}\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(attempt, mutants))
    return outcome


def main() -> int:
    """Print the survivors and the share that was noticed; 1 if that is too small."""
    options = _options()
    until = time.monotonic() + 60 * options.minutes
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    random = Random(options.seed)  # noqa: S311 - a sample, not a secret
    mutants = sample(options.only, options.sample, random, table)
    with tempfile.TemporaryDirectory(prefix="mailrunner-mutants-") as home:
        outcome = try_all(mutants, Trees(Path(home), options.jobs), jobs=options.jobs, until=until)
    tried = outcome.killed + len(outcome.survivors)
    left = f"; {outcome.untried} were not tried in time" * bool(outcome.untried)
    sys.stdout.write(f"{outcome.killed} of {tried} noticed, {outcome.share:.1%}{left}\n")
    return 0 if outcome.share >= _ENOUGH else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="draws the same again")
    parser.add_argument("--only", default="", help="modules whose path holds this")
    parser.add_argument("--minutes", type=float, default=30.0, help="begin no mutant after so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at the same time")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
