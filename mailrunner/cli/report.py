"""`mailrunner report`: the outcome for each recipient of a campaign."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.campaign_lookup import campaign_id
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument

if TYPE_CHECKING:
    from datetime import datetime

    from mailrunner.model.delivery import State
    from mailrunner.report.columns import Columns
    from mailrunner.report.page import Heading
    from mailrunner.store import CampaignRecord
    from mailrunner.store.report_rows import Reading


class ReportFormat(StrEnum):
    """File formats of a report."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    HTML = "html"


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
            help="File format. Default: by the ending of --out, else csv.",
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
    from mailrunner.report.columns import Columns
    from mailrunner.report.page import Heading
    from mailrunner.store.report_rows import NO_CAMPAIGN

    form = _format(format_, out, is_list=failed or in_doubt)
    if failed and in_doubt:
        raise typer.BadParameter("--failed and --in-doubt exclude each other")
    with context.look_at_ledger() as ledger:
        name = campaign_id(context, ledger, campaign)
        record = _loaded(ledger.campaigns.find(name))
        columns = Columns(signer=context.signer(ledger), domain=record.message_domain if record else "")
        with ledger.reports.reading(record.no if record else NO_CAMPAIGN) as reading:
            if failed or in_doubt:
                _write_list(reading, State.FAILED if failed else State.IN_DOUBT, record, out)
            else:
                heading = Heading.of(name, record)
                _write(form, out, reading=reading, columns=columns, heading=heading, now=context.clock.now())
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
    if form is ReportFormat.XLSX and out is None:
        raise typer.BadParameter("an Excel file is not written to stdout; add --out report.xlsx")
    return form


def _loaded(record: CampaignRecord | None) -> CampaignRecord | None:
    """The record; None while the campaign's list is still being read."""
    from mailrunner.store import Phase

    return None if record is None or record.phase is Phase.LOADING else record


def _write(
    form: ReportFormat,
    out: Path | None,
    *,
    reading: Reading,
    columns: Columns,
    heading: Heading,
    now: datetime,
) -> None:
    from mailrunner.report.files import write_csv, write_json, write_xlsx
    from mailrunner.report.output_file import bytes_to, text_to
    from mailrunner.report.page import write_page

    rows = map(columns.values, reading.rows())
    if form is ReportFormat.XLSX and out is not None:
        with bytes_to(out) as octets:
            write_xlsx(rows, octets)
        return
    with text_to(out) as stream:
        if form is ReportFormat.HTML:
            write_page(reading, stream, heading=heading, now=now)
        elif form is ReportFormat.JSON:
            write_json(rows, stream, campaign=heading.campaign, counts=reading.counts())
        else:
            write_csv(rows, stream)


def _write_list(reading: Reading, state: State, record: CampaignRecord | None, out: Path | None) -> None:
    from mailrunner.report.output_file import text_to
    from mailrunner.report.recipients_again import rows_again, write_list

    rows = rows_again(reading, state)
    with text_to(out) as stream:
        write_list(rows, stream, columns=record.columns if record else ())
