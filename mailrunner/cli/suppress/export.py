"""`mailrunner suppress export`: the suppression list as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.suppress.group import FILES, suppress_app
from mailrunner.cli.suppress.rows import entry_cells
from mailrunner.model.number_and_noun import counted
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
    from mailrunner.report.output_file import text_to

    with context.existing_ledger() as ledger:
        if out is None:
            with text_to(None) as stream:
                _write_entries(ledger.suppressions, stream, "\n")
            return
        with text_to(out) as stream:
            number = _write_entries(ledger.suppressions, stream, "\r\n")
    context.say(f"{out}: {counted(number, 'entry', 'entries')}")


def _write_entries(entries: Iterable[SuppressionEntry], stream: TextIO, line_end: str) -> int:
    from mailrunner.recipients.csv_injection import defused
    from mailrunner.suppression.import_file import EXPORT_COLUMNS

    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(EXPORT_COLUMNS)
    cells = ([defused(cell or "") for cell in entry_cells(entry).values()] for entry in entries)
    return sum(1 for row in cells if writer.writerow(row))
