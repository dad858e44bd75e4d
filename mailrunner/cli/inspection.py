"""The inspection of a campaign by `check` and `run --dry-run`: every message is rendered, none is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import local
from mailrunner.errors import UserError
from mailrunner.model.number_and_noun import counted
from mailrunner.model.terminal_text import one_line

if TYPE_CHECKING:
    from mailrunner.model.forecast import Forecast
    from mailrunner.recipients.reader import RecipientList
    from mailrunner.sending.left_out import LeftOutRow
    from mailrunner.sending.preflight import PreflightResult
    from mailrunner.sending.python_api.checked import CheckedCampaign

_ALL = "all of them: check --left-out FILE"


def inspect_campaign(
    context: CommandContext,
    name: str,
    *,
    as_json: bool,
    dry_run: bool,
    left_out: Path | None = None,
    links: bool = False,
) -> Exit:
    """Print or return as JSON what a run would send; SOME_FAILED if a row cannot be rendered.

    `dry_run` changes the first line only.  `left_out` is a file for all rows that would not be sent.
    With `links` the links of the message are asked for.
    """
    shown = [0]

    def progress(rows: int) -> None:
        if rows - shown[0] >= 5_000:
            shown[0] = rows
            context.say(f"  {counted(rows, 'row')} rendered")

    campaign = context.handle.campaign(name)
    prepared = campaign.prepare()
    rows: list[LeftOutRow] = []
    with _notes(prepared.recipients, left_out, rows if as_json else None) as note:
        checked = campaign.check(links=links, on_left_out=note, progress=progress, prepared=prepared)
    if as_json:
        context.json(replace(checked, left_out=tuple(rows)).as_dict())
    else:
        _print(context, checked, dry_run=dry_run)
    return Exit.DONE if checked.ok else Exit.SOME_FAILED


@contextmanager
def _notes(
    recipients: RecipientList, file: Path | None, rows: list[LeftOutRow] | None
) -> Iterator[Callable[[LeftOutRow], None]]:
    """Yields the function that takes each row that is left out, for the file and for `rows`.

    The file is written also where the inspection finds a mistake that concerns every row.
    """
    from mailrunner.report.left_out import LeftOutWriter
    from mailrunner.report.output_file import text_to

    failed: UserError | None = None
    with text_to(file) if file else nullcontext() as out:
        columns = recipients.own_columns
        write = LeftOutWriter(out, columns, recipients.columns).write if out else None

        def note(row: LeftOutRow) -> None:
            if write:
                write(row.values, row=row.row, cell=row.cell, reason=row.reason)
            if rows is not None:
                rows.append(row)

        try:
            yield note
        except UserError as error:
            failed = error
    if failed:
        raise failed


def _print(context: CommandContext, checked: CheckedCampaign, *, dry_run: bool) -> None:
    head = "would do this now; nothing was sent" if dry_run else "checked; nothing was sent"
    found, account = checked.found, checked.account
    lines = [
        f"{checked.status.campaign}: {head}",
        f"  through    {account.name} ({account.identity}), limits "
        f"{', '.join(map(str, account.limits)) or 'none'}",
        f"  rows       {found.rows:,} in {checked.source}",
        f"  to send    {found.to_send:,}",
        *(
            f"  {label:<10} {number:,}"
            for label, number in (("sent before", found.done), ("would fail", found.failing))
            if number
        ),
        *(f"  variant {name:<2} {n:,}" for name, n in sorted(found.variants.items())),
        *(
            f"  left out   {n:,} × {reason}"
            for reason, n in (*found.skipped.items(), *found.suppressed.items())
        ),
        *(_calendar(found, checked.plan) if found.to_send else ()),
        *_rows(found),
        *(f"  ! {sentence}" for sentence in checked.warnings),
    ]
    context.result("\n".join(lines))


def _calendar(found: PreflightResult, plan: Forecast) -> Iterator[str]:
    """The sizes of messages, and their number for each day."""
    mean = found.octets / found.to_send / 1024
    yield f"  size       {mean:,.0f} KB on average, the largest {found.largest / 1024:,.0f} KB"
    yield from (f"  {day:%a %d %b %Y}  {number:,}" for day, number in plan.days[:14])
    if len(plan.days) > 14:
        yield f"  … {counted(len(plan.days), 'day')} in all"
    yield f"  done about {local(plan.finish_at)}"


def _rows(found: PreflightResult) -> Iterator[str]:
    """Rows that would fail, and rows that are left out, each with its reason."""
    for row in found.failures:
        yield f"  ✗ {row.place} ({one_line(row.address) or 'no address'}): {one_line(row.reason)}"
    if found.failing > len(found.failures):
        yield f"  ✗ … and {counted(found.failing - len(found.failures), 'more row')} that would fail; {_ALL}"
    for row in found.examples:
        yield f"  – {row.place} ({one_line(row.address) or 'no address'}) left out: {one_line(row.reason)}"
    if found.left_out > len(found.examples):
        more = counted(found.left_out - len(found.examples), "more row that is", "more rows that are")
        yield f"  – … and {more} left out; {_ALL}"
