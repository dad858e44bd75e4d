"""`mailrunner suppress export`: the suppression list as a CSV file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.suppress.group import FILES, suppress_app
from mailrunner.cli.suppress.rows import entry_cells
from mailrunner.model.suppression import SuppressionEntry


@command(suppress_app, "export", panel=FILES)
def export(
    context: CommandContext,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the CSV to this file. Default: stdout."),
    ] = None,
) -> None:
    """Write all entries as CSV, which `suppress import` reads again."""
    with context.look_at_ledger() as ledger:
        if out is None:
            _write_entries(ledger.suppressions, sys.stdout, "\n")
            sys.stdout.flush()
            return
        part = out.with_name(f"{out.name}.part")
        with part.open("w", encoding="utf-8", newline="") as stream:
            number = _write_entries(ledger.suppressions, stream, "\r\n")
        part.replace(out)
    context.say(f"{out}: {number:,} entries")


def _write_entries(entries: Iterable[SuppressionEntry], stream: TextIO, line_end: str) -> int:
    from mailrunner.suppression.import_file import EXPORT_COLUMNS

    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(EXPORT_COLUMNS)
    return sum(1 for entry in entries if writer.writerow(entry_cells(entry).values()))
