"""`preview` and `report`: the commands that look and change nothing."""

from __future__ import annotations

import os
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command
from mailrunner.cli.exit_codes import Exit

if TYPE_CHECKING:
    from datetime import datetime

    from mailrunner.model.delivery import State
    from mailrunner.report.columns import Columns
    from mailrunner.report.page import Heading
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.store.report_rows import Reading

CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's file or id.")]


class ReportFormat(StrEnum):
    """How a report is written."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    HTML = "html"


@command(app, "report")
def report(
    session: CommandContext,
    campaign: CampaignArgument,
    *,
    format_: Annotated[
        ReportFormat | None, typer.Option("--format", help="csv, unless --out ends in another of them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file instead of stdout.", metavar="FILE")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="The rows that failed, as a list that can be mailed again.")
    ] = False,
    in_doubt: Annotated[bool, typer.Option("--in-doubt", help="The rows in doubt, as a list.")] = False,
) -> None:
    """Tell what became of everyone on the list: as a table, a page, or the failed rows as a list again."""
    from mailrunner.cli.campaign_lookup import campaign_id
    from mailrunner.model.delivery import State
    from mailrunner.report.page import Heading
    from mailrunner.store.report_rows import NO_CAMPAIGN

    form = _format(format_, out, is_sublist=failed or in_doubt)
    if failed and in_doubt:
        raise typer.BadParameter("--failed and --in-doubt are two lists; ask for one at a time")
    with session.look_at_ledger() as ledger:
        name = campaign_id(session, ledger, campaign)
        record = _seen(ledger.campaigns.find(name))
        columns = _columns(session, ledger, record)
        with ledger.reports.reading(record.no if record else NO_CAMPAIGN) as reading:
            if failed or in_doubt:
                _write_sublist(reading, State.FAILED if failed else State.IN_DOUBT, record, out)
            else:
                heading = Heading.of(name, record)
                _write(form, out, reading=reading, columns=columns, heading=heading, now=session.clock.now())
    if out is not None:
        session.say(f"The report is in {out}")


@command(app, "preview")
def preview(
    session: CommandContext,
    campaign: CampaignArgument,
    *,
    count: Annotated[
        int | None,
        typer.Option("--count", min=0, help="How many of the first rows; 3 by default.", metavar="N"),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="The row with this address; may be repeated.", metavar="ADDRESS"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder; previews/CAMPAIGN by default.", metavar="DIR")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> Exit:
    """Write messages as people would get them, to look at: the first rows and the odd ones.

    Exit code 1 says that one of them cannot be made.
    """
    from mailrunner.campaign.campaign_file import load_campaign
    from mailrunner.errors import UserError
    from mailrunner.preview import Preview
    from mailrunner.preview.sample import choose
    from mailrunner.sending.list_import import empty_list
    from mailrunner.sending.prepared_campaign import PreparedCampaign

    job = PreparedCampaign.prepare(*load_campaign(session.folder, campaign, os.environ))
    sample = choose(job.recipients, first=count, addresses=to or ())
    if not sample.specimens:
        raise UserError(empty_list(job, sample.rows or 0))
    folder = (out or session.folder / "previews" / job.campaign.id).absolute()
    made = Preview(job, now=session.clock.now()).write(sample, folder)
    if made.unmade:
        session.say(f"{made.unmade} of {made.shown} shown cannot be made into a message; the page says why")
    session.result(str(made.index))
    if open_ and not webbrowser.open(made.index.as_uri()):
        session.say("no browser could be started; open the page above yourself")
    return Exit.SOME_FAILED if made.unmade else Exit.DONE


def _format(chosen: ReportFormat | None, out: Path | None, *, is_sublist: bool) -> ReportFormat:
    """The format that was asked for, by name or by the ending of the file's name."""
    if is_sublist:
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


def _seen(record: CampaignRecord | None) -> CampaignRecord | None:
    """A campaign whose list is still being read has nothing to report yet."""
    from mailrunner.store import Phase

    return None if record is None or record.phase is Phase.LOADING else record


def _columns(session: CommandContext, ledger: Ledger, record: CampaignRecord | None) -> Columns:
    from mailrunner.report.columns import Columns
    from mailrunner.sending.token_signer import token_signer

    signer = token_signer(session.project, ledger)
    return Columns(signer=signer, domain=record.message_domain if record else "")


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


def _write_sublist(reading: Reading, state: State, record: CampaignRecord | None, out: Path | None) -> None:
    from mailrunner.report.output_file import text_to
    from mailrunner.report.recipients_again import rows_again, write_sublist

    rows = rows_again(reading, state)
    with text_to(out) as stream:
        write_sublist(rows, stream, columns=record.columns if record else ())
