"""`mailrunner report`: the outcome for each recipient of a campaign."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument

if TYPE_CHECKING:
    from datetime import datetime

    from mailrunner.model.delivery import State
    from mailrunner.report.message_kinds import MessageKinds
    from mailrunner.sending.python_api.outcomes import OpenReport
    from mailrunner.store import CampaignRecord
    from mailrunner.store.report_rows import Reading


class ReportFormat(StrEnum):
    """File formats of a report."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    PARQUET = "parquet"
    HTML = "html"


_BINARY = {ReportFormat.XLSX: "an Excel file", ReportFormat.PARQUET: "a Parquet file"}


@command(app, "report", panel=AFTER_SENDING)
def report(
    context: CommandContext,
    campaign: CampaignArgument,
    *,
    format_: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format",
            metavar="|".join(ReportFormat),
            help="File format. Default: by the ending of --out, else csv; a short table in a terminal.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write the report to this file, e.g. report.xlsx. Default: stdout.", metavar="FILE"
        ),
    ] = None,
    failed: Annotated[
        bool,
        typer.Option(
            "--failed",
            help="Write only the rows that failed, with the columns of the list, to send to again.",
        ),
    ] = False,
    in_doubt: Annotated[
        bool, typer.Option("--in-doubt", help="Write only the rows in doubt, with the columns of the list.")
    ] = False,
) -> None:
    """Write the outcome for each recipient, as a table or a page.

    Example: mailrunner report newsletter --out report.html
    """
    from mailrunner.model.delivery import State
    from mailrunner.report.short import short_report

    is_list = failed or in_doubt
    form = _format(format_, out, is_list=is_list)
    is_short = format_ is None and out is None and not is_list and sys.stdout.isatty()
    if failed and in_doubt:
        raise typer.BadParameter("--failed and --in-doubt exclude each other")
    with context.handle.campaign(campaign).reading() as opened:
        if is_list:
            _write_list(opened, State.FAILED if failed else State.IN_DOUBT, out)
        elif is_short:
            for line in short_report(opened.summary()):
                context.result(line)
        elif form is ReportFormat.HTML:
            kinds = message_kinds_of(context, opened.reading, opened.record)
            _write_page(out, opened, now=context.clock.now(), kinds=kinds)
        elif form is ReportFormat.JSON:
            _write_json(out, opened)
        else:
            _write_table(form, out, opened.rows())
    if out is not None:
        context.say(f"The report is in {out}")


def _format(chosen: ReportFormat | None, out: Path | None, *, is_list: bool) -> ReportFormat:
    """The format that was asked for, by name or by the ending of the file's name."""
    if is_list:
        if chosen not in (None, ReportFormat.CSV):
            raise typer.BadParameter("--failed and --in-doubt are written as csv; leave --format out")
        return ReportFormat.CSV
    by_name = next(
        (form for form in ReportFormat if out is not None and out.suffix.lower() == f".{form}"),
        ReportFormat.CSV,
    )
    form = chosen or by_name
    if form in _BINARY and out is None:
        raise typer.BadParameter(f"{_BINARY[form]} is not written to stdout; add --out report.{form}")
    return form


def _write_table(form: ReportFormat, out: Path | None, rows: Iterable[dict[str, Any]]) -> None:
    from mailrunner.report.files import write_csv, write_parquet, write_xlsx
    from mailrunner.report.output_file import bytes_to, text_to

    if form in _BINARY and out is not None:
        with bytes_to(out) as octets:
            (write_xlsx if form is ReportFormat.XLSX else write_parquet)(rows, octets)
        return
    with text_to(out) as stream:
        write_csv(rows, stream)


def _write_page(out: Path | None, opened: OpenReport, *, now: datetime, kinds: MessageKinds | None) -> None:
    from mailrunner.report.output_file import text_to
    from mailrunner.report.page import write_page

    with text_to(out) as stream:
        write_page(opened.reading, stream, summary=opened.summary(), now=now, kinds=kinds)


def _write_json(out: Path | None, opened: OpenReport) -> None:
    from mailrunner.report.files import write_json
    from mailrunner.report.output_file import text_to

    with text_to(out) as stream:
        write_json(opened.rows(), stream, head=opened.summary().as_json())


def message_kinds_of(
    context: CommandContext, reading: Reading, record: CampaignRecord | None
) -> MessageKinds | None:
    """The kinds of message that were sent; None where the campaign's files cannot make them any more."""
    from mailrunner.cli.message_again import CampaignAgain
    from mailrunner.errors import UserError
    from mailrunner.model.delivery import State
    from mailrunner.report.message_kinds import MOST_LOOKED_AT, message_kinds

    counts = reading.counts()
    if record is None or not counts.sent:
        return None
    try:
        again = CampaignAgain(context, record)
    except UserError:
        return None
    now = context.clock.now()
    rows = reading.rows(State.SENT, every=-(-counts.total // MOST_LOOKED_AT))
    return message_kinds(
        (row for row in rows if row.data is not None),
        lambda row: again.message(row.address, row.values, row.finished_at or now),
        sent=counts.sent,
    )


def _write_list(opened: OpenReport, state: State, out: Path | None) -> None:
    from mailrunner.report.output_file import text_to
    from mailrunner.report.recipients_again import write_list

    rows = opened.rows_again(state)
    with text_to(out) as stream:
        write_list(rows, stream, columns=opened.list_columns)
