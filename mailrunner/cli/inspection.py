"""The inspection of a campaign by `check` and `run --dry-run`: every message is rendered, none is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import local
from mailrunner.errors import Problem, UserError
from mailrunner.model.counted import counted
from mailrunner.model.terminal_text import one_line

if TYPE_CHECKING:
    from mailrunner.model.forecast import Forecast
    from mailrunner.sending.left_out import LeftOutRow
    from mailrunner.sending.preflight import PreflightResult
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.store import Ledger

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
    from mailrunner.config.account_checks import refuse_without_login
    from mailrunner.sending.preflight import Preflight

    prepared = context.prepare(name)
    with context.existing_ledger() as ledger:
        shown = [0]

        def progress(rows: int) -> None:
            if rows - shown[0] >= 5_000:
                shown[0] = rows
                context.say(f"  {counted(rows, 'row')} rendered")

        rows: list[LeftOutRow] = []
        with _notes(prepared, left_out, rows if as_json else None) as note:
            preflight = Preflight(prepared, ledger, ledger.clock.now(), progress, on_left_out=note)
            found = preflight.inspect()
        if links:
            found.warnings += _dead_links(prepared)
        plan = _plan(prepared, ledger, found.to_send)
        refuse_without_login(prepared.account)
        if as_json:
            context.json(_object(prepared, ledger, found, plan, rows))
        else:
            _print(context, prepared, found, plan, dry_run=dry_run)
    return Exit.SOME_FAILED if found.failing else Exit.DONE


def _dead_links(prepared: PreparedCampaign) -> Iterator[str]:
    """Sentences on links that lead nowhere; a server on this machine may have its pages there, too."""
    from mailrunner.sending.link_check import LinkCheck, link_remarks

    base_url = prepared.project.unsubscribe.base_url
    check = LinkCheck(allow_private=prepared.account.is_local)
    yield from link_remarks(prepared.renderer.outline, [base_url] if base_url else [], check)


@contextmanager
def _notes(
    prepared: PreparedCampaign, file: Path | None, rows: list[LeftOutRow] | None
) -> Iterator[Callable[[LeftOutRow], None]]:
    """Yields the function that takes each row that is left out, for the file and for `rows`.

    The file is written also where the inspection finds a mistake that concerns every row.
    """
    from mailrunner.report.left_out import LeftOutWriter
    from mailrunner.report.output_file import text_to

    failed: UserError | None = None
    with text_to(file) if file else nullcontext() as out:
        columns = prepared.recipients.own_columns
        write = LeftOutWriter(out, columns, prepared.recipients.columns).write if out else None

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


def _plan(prepared: PreparedCampaign, ledger: Ledger, number: int) -> Forecast:
    """The forecast as `status` tells it, where the campaign was begun and waits."""
    from mailrunner.sending.forecaster import Forecaster
    from mailrunner.store import Phase

    forecaster = Forecaster(prepared.campaign, prepared.account, ledger)
    record = ledger.campaigns.find(prepared.campaign.id)
    if record is None or record.phase is not Phase.BEGUN:
        return forecaster.forecast(number)
    return forecaster.forecast(number, campaign_no=record.no, resume_at=record.resume_at)


def _print(
    context: CommandContext,
    prepared: PreparedCampaign,
    found: PreflightResult,
    plan: Forecast,
    *,
    dry_run: bool,
) -> None:
    head = "would do this now; nothing was sent" if dry_run else "checked; nothing was sent"
    lines = [
        f"{prepared.campaign.id}: {head}",
        f"  through    {prepared.account.name} ({prepared.account.identity}), limits {_limits(prepared)}",
        f"  rows       {found.rows:,} in {prepared.source.label}",
        f"  to send    {found.to_send:,}",
        *(
            f"  {label:<10} {number:,}"
            for label, number in (("sent before", found.done), ("would fail", found.failing))
            if number
        ),
        *(
            f"  left out   {n:,} × {reason}"
            for reason, n in (*found.skipped.items(), *found.suppressed.items())
        ),
        *(_calendar(found, plan) if found.to_send else ()),
        *_rows(found),
        *(f"  ! {sentence}" for sentence in _remarks(found)),
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


def _limits(prepared: PreparedCampaign) -> str:
    return ", ".join(map(str, prepared.account.limits)) or "none"


def _remarks(found: PreflightResult) -> list[str]:
    return found.warnings + [
        f"{f.kind}{': ' + f.detail if f.detail else ''} ({counted(f.number, 'message')}, first row {f.row})"
        for f in found.findings.values()
    ]


def _object(
    prepared: PreparedCampaign,
    ledger: Ledger,
    found: PreflightResult,
    plan: Forecast,
    rows: list[LeftOutRow],
) -> dict[str, Any]:
    """The inspection as one JSON object, in the shape of `run --json`; `rows` are all that are left out."""
    from mailrunner.cli.json_objects import campaign_object
    from mailrunner.model.delivery import Counts

    record = ledger.campaigns.find(prepared.campaign.id)
    answer = campaign_object(
        prepared.campaign.id,
        state=record.phase.value if record else "new",
        counts=ledger.deliveries.counts(record.no) if record else Counts(),
        finish_at=plan.finish_at,
        notices=_remarks(found),
        problems=[
            Problem(row.reason, prepared.source.label, f"row {row.row}", row.address)
            for row in found.failures
        ],
    )
    answer["left_out"] = [
        {"row": r.row, "cell": r.cell, "address": r.address, "kind": r.kind, "reason": r.reason} for r in rows
    ]
    answer["plan"] = {
        "rows": found.rows,
        "to_send": found.to_send,
        "would_fail": found.failing,
        "sent_before": found.done,
        "skipped": dict(found.skipped),
        "suppressed": dict(found.suppressed),
        "largest": found.largest,
        "days": [{"day": day.isoformat(), "messages": number} for day, number in plan.days],
    }
    return answer
