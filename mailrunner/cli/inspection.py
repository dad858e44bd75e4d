"""The inspection of a campaign by `check` and `run --dry-run`: every message is rendered, none is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import local
from mailrunner.errors import Problem
from mailrunner.model.counted import counted

if TYPE_CHECKING:
    from mailrunner.model.forecast import Forecast
    from mailrunner.sending.preflight import PreflightResult
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.store import Ledger


def inspect_campaign(
    context: CommandContext, name: str, *, as_json: bool, dry_run: bool, links: bool = False
) -> Exit:
    """Print or return as JSON what a run would send; SOME_FAILED if a row cannot be rendered.

    `dry_run` changes the first line only.  With `links` the links of the message are asked for.
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

        found = Preflight(prepared, ledger, ledger.clock.now(), progress).inspect()
        if links:
            found.warnings += _dead_links(prepared)
        plan = _plan(prepared, ledger, found.to_send)
        refuse_without_login(prepared.account)
        if as_json:
            context.json(_object(prepared, ledger, found, plan))
        else:
            _print(context, prepared, found, plan, dry_run=dry_run)
    return Exit.SOME_FAILED if found.failing else Exit.DONE


def _dead_links(prepared: PreparedCampaign) -> Iterator[str]:
    """Sentences on links that lead nowhere; a server on this machine may have its pages there, too."""
    from mailrunner.sending.link_check import LinkCheck, link_remarks

    base_url = prepared.project.unsubscribe.base_url
    check = LinkCheck(allow_private=prepared.account.is_local)
    yield from link_remarks(prepared.renderer.outline, [base_url] if base_url else [], check)


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
    for row, address, reason in found.failures:
        yield f"  ✗ row {row} ({address or 'no address'}): {reason}"
    if found.failing > len(found.failures):
        yield f"  ✗ … and {counted(found.failing - len(found.failures), 'more row')} that would fail"
    for row, address, reason in found.examples:
        yield f"  – row {row} ({address or 'no address'}) left out: {reason}"


def _limits(prepared: PreparedCampaign) -> str:
    return ", ".join(map(str, prepared.account.limits)) or "none"


def _remarks(found: PreflightResult) -> list[str]:
    return found.warnings + [
        f"{f.kind}{': ' + f.detail if f.detail else ''} ({counted(f.number, 'message')}, first row {f.row})"
        for f in found.findings.values()
    ]


def _object(
    prepared: PreparedCampaign, ledger: Ledger, found: PreflightResult, plan: Forecast
) -> dict[str, Any]:
    """The inspection as one JSON object, in the shape of `run --json`."""
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
            Problem(reason, prepared.source.label, f"row {row}", address)
            for row, address, reason in found.failures
        ],
    )
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
