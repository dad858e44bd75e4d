"""`check` and `send-test`: looking closely before anyone gets anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command, complain
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument, JsonOption
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.model.forecast import Forecast
    from mailrunner.model.outcome import Outcome
    from mailrunner.sending.preflight import PreflightResult
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.store import Ledger


@command(app, "check")
def check(session: CommandContext, campaign: CampaignArgument, as_json: JsonOption = False) -> Exit:
    """Render every message and say everything that can be known before the first one goes."""
    return inspect_campaign(session, campaign, as_json=as_json, dry_run=False)


def inspect_campaign(session: CommandContext, name: str, *, as_json: bool, dry_run: bool) -> Exit:
    """`check` and `run --dry-run`: they change nothing and differ in their first line only."""
    from mailrunner.model.forecast import forecast
    from mailrunner.sending.preflight import Preflight
    from mailrunner.sending.run import pace_of

    job = session.job(name)
    with session.look_at_ledger() as ledger:
        told = [0]

        def progress(rows: int) -> None:
            if rows - told[0] >= 5_000:
                told[0] = rows
                session.say(f"  {rows:,} rows rendered")

        found = Preflight(job, ledger, ledger.clock.now(), progress).inspect()
        plan = forecast(found.to_send, pace_of(job.campaign, job.account, ledger), ledger.clock.now())
        _refuse_oauth(job)
        if as_json:
            session.json(_object(job, ledger, found, plan))
        else:
            _print(session, job, found, plan, dry_run=dry_run)
    return Exit.SOME_FAILED if found.failing else Exit.DONE


@command(app, "send-test")
def send_test(
    session: CommandContext,
    campaign: CampaignArgument,
    to: Annotated[list[str], typer.Option("--to", help="Who gets the test; may be repeated.")],
    row: Annotated[
        str | None, typer.Option("--as", help="The address of the row to show.", metavar="ADDRESS")
    ] = None,
) -> Exit:
    """Send one row's message, marked [TEST], to yourself.  It is not recorded as sent."""
    from mailrunner.model.address import normalise
    from mailrunner.model.outcome import OutcomeKind
    from mailrunner.sending.test_send import SendTest

    addresses = []
    for text in to:
        try:
            addresses.append(normalise(text).wire)
        except ValueError as error:
            raise UserError(
                Problem(str(error), key="--to", hint="write one address for each --to")
            ) from error
    job = session.job(campaign)
    code = Exit.DONE
    with session.open_ledger() as ledger:
        trial = SendTest(job, ledger, row=row)
        for address in addresses:
            outcome = trial.send(address)
            if outcome.kind is OutcomeKind.SENT:
                session.result(f"sent to {address} as {trial.shown}: {outcome.reply}")
            else:
                complain(f"{address}: {outcome.reason}", "nothing was recorded as sent")
                code = _failure(outcome)
    return code


def _failure(outcome: Outcome) -> Exit:
    from mailrunner.model.outcome import Scope

    codes = {
        Scope.CREDENTIALS: Exit.CREDENTIALS,
        Scope.CAMPAIGN: Exit.STOPPED,
        Scope.RECIPIENT: Exit.SOME_FAILED,
    }
    return codes.get(outcome.scope, Exit.LATER)


def _refuse_oauth(job: PreparedCampaign) -> None:
    if job.account.preset.login == "oauth":
        raise UserError(
            Problem(
                f"{job.account.preset.title} cannot be used yet",
                file="mailrunner.toml",
                key=f"accounts.{job.account.name}",
                hint=job.account.preset.note,
            )
        )


def _print(
    session: CommandContext, job: PreparedCampaign, found: PreflightResult, plan: Forecast, *, dry_run: bool
) -> None:
    head = "would do this now; nothing was sent" if dry_run else "checked; nothing was sent"
    lines = [
        f"{job.campaign.id}: {head}",
        f"  through    {job.account.name} ({job.account.identity}), limits {_limits(job)}",
        f"  rows       {found.rows:,} in {job.source.label}",
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
    session.result("\n".join(lines))


def _calendar(found: PreflightResult, plan: Forecast) -> Iterator[str]:
    """Sizes, and how many go on which day."""
    from mailrunner.cli.output import local

    mean = found.octets / found.to_send / 1024
    yield f"  size       {mean:,.0f} KB on average, the largest {found.largest / 1024:,.0f} KB"
    yield from (f"  {day:%a %d %b %Y}  {number:,}" for day, number in plan.days[:14])
    if len(plan.days) > 14:
        yield f"  … {len(plan.days):,} days in all"
    yield f"  done about {local(plan.finish_at)}"


def _rows(found: PreflightResult) -> Iterator[str]:
    """The rows that would fail, and those that are left out, each with its reason."""
    for row, address, reason in found.failures:
        yield f"  ✗ row {row} ({address or 'no address'}): {reason}"
    if found.failing > len(found.failures):
        yield f"  ✗ … and {found.failing - len(found.failures):,} more rows that would fail"
    for row, address, reason in found.examples:
        yield f"  – row {row} ({address or 'no address'}) left out: {reason}"


def _limits(job: PreparedCampaign) -> str:
    return ", ".join(map(str, job.account.limits)) or "none"


def _remarks(found: PreflightResult) -> list[str]:
    return found.warnings + [
        f"{f.kind}{': ' + f.detail if f.detail else ''} ({f.number:,} messages, first row {f.row})"
        for f in found.findings.values()
    ]


def _object(job: PreparedCampaign, ledger: Ledger, found: PreflightResult, plan: Forecast) -> dict[str, Any]:
    """The same as one JSON object, in the shape of `run --json`."""
    from mailrunner.cli.output import campaign_object
    from mailrunner.model.delivery import Counts

    record = ledger.campaigns.find(job.campaign.id)
    answer = campaign_object(
        job.campaign.id,
        state=record.phase.value if record else "new",
        counts=ledger.deliveries.counts(record.no) if record else Counts(),
        finish_at=plan.finish_at,
        notices=_remarks(found),
        problems=[
            Problem(reason, job.source.label, f"row {row}", address)
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
