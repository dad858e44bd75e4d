"""How fast a list is read and normalised, and in how much memory: 1,000,000 rows × 8 columns of CSV.

    python bench/snapshot_reading.py [ROWS]

Each case runs in a process of its own, as peak memory is a process's and only grows.  Goals: 150,000
rows a second (250,000 wished for), below 250 MB.
"""

from __future__ import annotations

import csv
import multiprocessing
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList, flag_duplicates

HEADER = ("email", "first_name", "full_name", "country", "points", "since", "city", "member_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The `[recipients]` table of a campaign."""

    csv: str
    xlsx: str | None = None
    parquet: str | None = None
    sql: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    database: str | None = None
    header_row: int | None = None
    hidden: Literal["skip", "take"] | None = None
    several: Literal["first", "all"] | None = None
    email: str = "email"
    name: str | None = "full_name"
    defaults: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    where: str | None = None


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "where on text": {"where": "country == 'RO'"},
    "defaults, types, where": {
        "defaults": {"first_name": "friend"},
        "types": {"points": "int"},
        "where": "country == 'RO' and points > 100",
    },
}


def write_list(path: Path, rows: int) -> None:
    """Write a list with 5,000 domains, every tenth first name missing."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for i in range(rows):
            first = f"Name{i % 500}" if i % 10 else ""
            country = "RO" if i % 3 else "DE"
            date = f"20{i % 25:02}-0{i % 9 + 1}-1{i % 9}"
            row = (f"Person.{i}@example{i % 5000}.org", first, f"{first} Popescu", country, i % 1000, date)
            writer.writerow((*row, "Cluj", f"{i:07}"))


def read(path: Path, title: str) -> None:
    """Read the list as the snapshot does and print the rate and the peak."""
    spec = Spec(csv=path.name, **CASES[title])
    started = time.perf_counter()
    source = open_source(spec, path.parent)
    kept = sum(len(chunk) for chunk in RecipientList(source, spec).chunks())
    _print(title, path, started, kept)


def read_once_each(path: Path, title: str) -> None:
    """The same with duplicates looked for, as a dry run does."""
    spec = Spec(csv=path.name)
    started = time.perf_counter()
    chunks = RecipientList(open_source(spec, path.parent), spec).chunks()
    _print(title, path, started, sum(not duplicate for _, duplicate in flag_duplicates(chunks)))


def _print(title: str, path: Path, started: float, kept: int) -> None:
    seconds = time.perf_counter() - started
    rows = int(path.stem)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )
    print(
        f"{title:24} {rows / seconds:>10,.0f} rows/s   {seconds:5.2f} s   peak {peak:4.0f} MB   {kept:,} kept"
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{rows}.csv"
        write_list(path, rows)
        for target, title in [*((read, title) for title in CASES), (read_once_each, "first of each address")]:
            process = spawn.Process(target=target, args=(path, title))
            process.start()
            process.join()
            assert process.exitcode == 0


if __name__ == "__main__":
    main()
