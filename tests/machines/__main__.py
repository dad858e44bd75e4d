"""Run all scenarios and print the table; 1 if anything did not hold."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.databases import postgresql_server
from tests.machines.scenarios import ALL, Row


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.machines")
    parser.add_argument("--recipients", type=int, default=60_000)
    parser.add_argument("--only", default="", help="part of a scenario's name")
    options = parser.parse_args()
    rows = []
    with postgresql_server() as server:
        for scenario in ALL:
            if options.only in scenario.__name__:
                begun = time.monotonic()
                with tempfile.TemporaryDirectory(prefix="mailrunner-machines-") as folder:
                    rows.append(scenario(Path(folder), server, options.recipients))
                said = "; ".join(rows[-1].wrong) or "holds"
                sys.stderr.write(f"{scenario.__name__}: {said}, {time.monotonic() - begun:.0f} s\n")
    sys.stdout.write(table(rows))
    return 1 if any(row.wrong for row in rows) else 0


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what was done | found | holds |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.found} | {'; '.join(row.wrong) or 'yes'} |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
