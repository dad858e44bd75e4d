"""`preview` and `report`: the commands that look and change nothing."""

from __future__ import annotations

import os
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from mailrunner.cli import app
from mailrunner.cli.exits import Exit
from mailrunner.cli.session import Session, command
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailrunner.delivery import State
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.store.reports import Reading

CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's file or id.")]


class Format(StrEnum):
    """How a report is written."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    HTML = "html"


@command(app, "report")
def report(
    session: Session,
    campaign: CampaignArgument,
    format_: Annotated[
        Format | None, typer.Option("--format", help="csv, unless --out ends in another of them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file instead of stdout.", metavar="FILE")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="The rows that failed, as a list that can be mailed again.")
    ] = False,
    in_doubt: Annotated[
        bool, typer.Option("--in-doubt", help="The rows in doubt, as a list.")
    ] = False,
) -> None:
    """Tell what became of everyone on the list: as a table, a page, or the failed rows as a list again."""
    from mailrunner.cli.records import campaign_id

    form = _format(format_, out, is_sublist=failed or in_doubt)
    if failed and in_doubt:
        raise typer.BadParameter("--failed and --in-doubt are two lists; ask for one at a time")
    with session.look_at_ledger() as ledger:
        known = campaign_id(session, ledger, campaign)
        record = _seen(ledger.campaigns.find(known))
        if failed or in_doubt:
            _write_sublist(ledger, record, State.FAILED if failed else State.IN_DOUBT, out)
        elif form is Format.XLSX:
            _write_book(session, ledger, record, out)
        else:
            _write_text(session, ledger, known, record, form, out)
    if out is not None:
        session.say(f"The report is in {out}")


@command(app, "preview")
def preview(
    session: Session,
    campaign: CampaignArgument,
    count: Annotated[
        int | None, typer.Option("--count", min=0, help="How many of the first rows; 3 by default.", metavar="N")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="The row with this address; may be repeated.", metavar="ADDRESS")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder; previews/CAMPAIGN by default.", metavar="DIR")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> Exit:
    """Write messages as people would get them, to look at: the first rows and the odd ones.

    Exit code 1 says that one of them cannot be made.
    """
    from mailrunner.campaign import load
    from mailrunner.job import Job
    from mailrunner.preview import Preview
    from mailrunner.sample import choose

    job = Job.prepare(*load(session.folder, campaign, os.environ))
    sample = choose(job, first=count, addresses=to or ())
    folder = (out or session.folder / "previews" / job.campaign.id).absolute()
    made = Preview(job, now=session.clock.now()).write(sample, folder)
    if made.unmade:
        session.say(f"{made.unmade} of {made.shown} shown cannot be made into a message; the page says why")
    session.result(str(made.index))
    if open_ and not webbrowser.open(made.index.as_uri()):
        session.say("no browser could be started; open the page above yourself")
    return Exit.SOME_FAILED if made.unmade else Exit.DONE


def _format(chosen: Format | None, out: Path | None, *, is_sublist: bool) -> Format:
    """The format that was asked for, by name or by the ending of the file's name."""
    if is_sublist:
        if chosen not in (None, Format.CSV):
            raise typer.BadParameter("--failed and --in-doubt are written as csv; leave --format out")
        return Format.CSV
    by_name = next((form for form in Format if out is not None and out.suffix.lower() == f".{form}"), Format.CSV)
    form = chosen or by_name
    if form is Format.XLSX and out is None:
        raise typer.BadParameter("an Excel file is not written to stdout; add --out report.xlsx")
    return form


def _seen(record: CampaignRecord | None) -> CampaignRecord | None:
    """A campaign whose list is still being read has nothing to report yet."""
    return None if record is None or record.phase is Phase.LOADING else record


@contextmanager
def _reading(ledger: Ledger, record: CampaignRecord | None) -> Iterator[Reading | None]:
    if record is None:
        yield None
    else:
        with ledger.reports.reading(record.no) as reading:
            yield reading


@contextmanager
def _values(
    session: Session, ledger: Ledger, record: CampaignRecord | None
) -> Iterator[tuple[Counts, Iterable[Values]]]:
    """The numbers and the rows of a campaign, both of one instant."""
    if record is None:
        yield Counts(), ()
        return
    secret = session.project.unsubscribe.secret
    secrets = ledger.link_secrets(secret.get_secret_value() if secret else None)
    columns = Columns(signer=Signer(secrets), domain=record.message_domain)
    with ledger.reports.reading(record.no) as reading:
        yield reading.counts(), map(columns.values, reading.rows())


def _write_text(
    session: Session,
    ledger: Ledger,
    campaign: str,
    record: CampaignRecord | None,
    form: Format,
    out: Path | None,
) -> None:
    from mailrunner.report.files import write_csv, write_json
    from mailrunner.report.page import Heading, write_page

    with text_to(out) as stream:
        if form is Format.HTML:
            with _reading(ledger, record) as reading:
                write_page(reading, stream, heading=Heading.of(campaign, record), now=session.clock.now())
            return
        with _values(session, ledger, record) as (counts, rows):
            if form is Format.JSON:
                write_json(rows, stream, campaign=campaign, counts=counts)
            else:
                write_csv(rows, stream)


def _write_book(session: Session, ledger: Ledger, record: CampaignRecord | None, out: Path | None) -> None:
    from mailrunner.report.files import write_xlsx

    assert out is not None
    with bytes_to(out) as stream, _values(session, ledger, record) as (_, rows):
        write_xlsx(rows, stream)


def _write_sublist(ledger: Ledger, record: CampaignRecord | None, state: State, out: Path | None) -> None:
    from mailrunner.report.sublist import write_sublist

    with _reading(ledger, record) as reading:
        if record is not None and reading is not None and reading.has_forgotten(state):
            raise UserError(
                Problem(
                    f"the rows of {record.id} were forgotten (mailrunner purge)",
                    hint=f"who is {state.value} is still told by: mailrunner report {record.id}",
                )
            )
        rows = reading.rows(state) if reading else ()
        with text_to(out) as stream:
            write_sublist(rows, stream, columns=record.columns if record else ())
