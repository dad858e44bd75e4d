"""`run` and `resume`: the commands that send."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command, complain
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.options import CampaignArgument, JsonOption, WaitOption

if TYPE_CHECKING:
    from mailrunner.event_log import EventLog
    from mailrunner.model.delivery import Counts
    from mailrunner.model.forecast import Forecast
    from mailrunner.rendering import InliningTally
    from mailrunner.sending.loop import SendLoop
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.sending.run import RunOptions, RunResult, SendPlan
    from mailrunner.store import Ledger


@command(app, "run")
def run(
    session: CommandContext,
    campaign: CampaignArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Render everything, send nothing.")] = False,
    wait: WaitOption = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Send at most so many now.", metavar="N")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Take new and edited rows of the list.")] = False,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Send the rest with the changed message.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Go on although it was stopped or sent.")] = False,
    strict_inlining: Annotated[
        bool, typer.Option("--strict-inlining", help="Inline the CSS of every message by premailer itself.")
    ] = False,
    new_ledger: Annotated[
        bool, typer.Option("--new-ledger", help="Begin an empty ledger; it knows of nobody mailed before.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first message.")] = False,
    as_json: JsonOption = False,
) -> Exit:
    """Send a campaign, or go on with it: the same command is start, resume and "am I done?"."""
    from mailrunner.cli.output import exit_of, result_object
    from mailrunner.sending.list_import import Confirmations
    from mailrunner.sending.run import RunOptions

    if dry_run:
        from mailrunner.cli.check import inspect_campaign

        return inspect_campaign(session, campaign, as_json=as_json, dry_run=True)
    options = RunOptions(
        confirmations=Confirmations(refresh=refresh, accept_changes=accept_changes, again=again),
        limit=limit,
        wait=wait,
        by_hand=session.is_interactive,
    )
    job = session.job(campaign, strict_inlining=strict_inlining)
    with session.open_ledger(new=new_ledger) as ledger, session.event_log() as log:
        result = _dispatch(session, job, ledger, log, options, asks=not yes and not as_json)
    if as_json:
        session.json(result_object(result))
    else:
        _summary(session, result)
    return exit_of(result)


@command(app, "resume")
def resume(session: CommandContext, wait: WaitOption = False, as_json: JsonOption = False) -> Exit:
    """Go on with every campaign that was begun; made for cron.  Never starts a new one."""
    from mailrunner.cli.output import result_object
    from mailrunner.cli.resume import ResumeRound
    from mailrunner.cli.status import account_objects

    with session.open_ledger() as ledger, session.event_log() as log:
        rounds = ResumeRound(
            session,
            ledger,
            lambda name, options: _dispatch(session, session.job(name), ledger, log, options),
        )
        rounds.go(wait=wait)
        if as_json:
            campaigns = [*map(result_object, rounds.results), *rounds.broken]
            session.json({"campaigns": campaigns, "accounts": account_objects(session, ledger)})
        else:
            for result in rounds.results:
                _summary(session, result)
            for record in rounds.stopped:
                session.say(f"{record.id} is {record.phase}: {record.reason}")
            if not rounds.results and not rounds.broken:
                session.say("There is nothing to go on with.")
    return first_of(rounds.codes)


def _dispatch(
    session: CommandContext,
    job: PreparedCampaign,
    ledger: Ledger,
    log: EventLog,
    options: RunOptions,
    *,
    asks: bool = False,
) -> RunResult:
    """Run one campaign with a progress show and with signals that end it in order."""
    from mailrunner.cli.progress import ProgressShow
    from mailrunner.model.quota import tightest
    from mailrunner.sending.run import Callbacks, CampaignRun

    account = job.account

    def quota_left() -> int | None:
        rooms = ledger.accounts.rooms(
            account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
        )
        return tightest([room for room in rooms if room.limit.series == "answers"])[0]

    with (
        ProgressShow(session.words, clock=ledger.clock, quota_left=quota_left) as show,
        _Signals() as signals,
    ):

        def started(runner: SendLoop, counts: Counts, suppressed: int, forecast: Forecast) -> None:
            signals.finish_by(runner.stop)
            show.start(job.campaign.id, counts, suppressed, forecast)

        def confirm(plan: SendPlan) -> bool:
            with signals.at_once():
                return not (asks and session.is_interactive) or _confirmed(session, plan)

        def loading(rows: int) -> None:
            signals.check()
            _loading(session, job.source.label, rows)

        callbacks = Callbacks(
            confirm=confirm,
            loading=loading,
            started=started,
            watch=show.watch,
        )
        result = CampaignRun(
            job,
            ledger=ledger,
            random=Random(),  # noqa: S311 - jitter, not secrets
            log=log,
            options=options,
            callbacks=callbacks,
        ).run()
    for notice in result.notices:
        session.say(notice)
        log.notice(job.campaign.id, notice)
    return result


class _Signals:
    """Ctrl-C and SIGTERM: first finish what is on the wire, then, if asked twice, leave it in doubt.

    The handler only takes note: an exception raised wherever the program happens to be could strike
    inside a library's own tidying up.
    """

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt where nothing is on the wire yet and somebody asked to end."""
        if self._asked:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While a question stands on the terminal, Ctrl-C is an answer."""
        self.check()
        here = self._before and {number: signal.signal(number, _raise) for number in self._before}
        try:
            yield
        finally:
            for number, handler in here.items():
                signal.signal(number, handler)

    def finish_by(self, stop: Callable[[], None]) -> None:
        """From now on messages are on the wire; `stop` finishes them."""
        self._stop = stop
        if self._asked:
            stop()

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            on_wire = "what was on the wire is in doubt" if self._stop else "nothing was sent"
            complain(f"left at once; {on_wire}", "mailrunner status tells how it stands")
            sys.stderr.flush()
            os._exit(Exit.INTERRUPTED)
        self._asked = True
        if self._stop is None:
            complain("ending; press Ctrl-C again to leave at once")
        else:
            complain("finishing what is on the wire; press Ctrl-C again to leave it in doubt")
            self._stop()


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _loading(session: CommandContext, label: str, rows: int) -> None:
    if rows % 100_000 == 0:
        session.say(f"  {rows:,} rows of {label} read")


def _confirmed(session: CommandContext, plan: SendPlan) -> bool:
    from mailrunner.cli.output import local

    counts, record = plan.counts, plan.record
    session.say(f"\nThe plan for {record.id}:")
    session.say(f"  through    {record.account_name}, to the list {record.list_name or '(none)'}")
    to_send = counts.queued - plan.suppressed
    session.say(f"  to send    {to_send:,} of {counts.total:,} rows")
    for number, what in ((counts.skipped, "skipped"), (plan.suppressed, "suppressed")):
        if number:
            session.say(f"  left out   {number:,} {what}")
    for day, number in plan.forecast.days[:10]:
        session.say(f"  {day:%a %d %b}  {number:,}")
    if len(plan.forecast.days) > 10:
        session.say(f"  … {len(plan.forecast.days):,} days in all")
    session.say(f"  done about {local(plan.forecast.finish_at)}")
    for notice in plan.notices:
        session.say(f"  note: {notice}")
    return typer.confirm("Send it?", err=True)


_TELLING = 100  # messages; of fewer the share of plans says nothing
_GOOD_SHARE = 0.8


def _inlining(tally: InliningTally) -> str:
    """How the messages got their CSS, where that is worth a line."""
    if tally.mismatch:
        return f"CSS: inlined by premailer for every message, as a plan gave another result: {tally.mismatch}"
    if tally.messages < _TELLING or tally.strict:
        return ""
    words = f"CSS: {tally.hits:,} of {tally.messages:,} messages from {tally.plans:,} plans"
    if tally.hits < _GOOD_SHARE * tally.messages:
        reasons = ", ".join(f"{reason} ({number:,})" for reason, number in tally.reasons.most_common(3))
        words += f"; the others took longer: {reasons}"
    return words


def _summary(session: CommandContext, result: RunResult) -> None:
    """How it ended, and what to type next."""
    from mailrunner.cli.output import local, next_step
    from mailrunner.model.wait_reason import WaitReason, sentence_of

    counts, hold = result.counts, result.wait
    if words := _inlining(result.inlining):
        session.say(words)
    session.say(
        f"{result.campaign_id}: {result.sent_now:,} sent now, {counts.sent:,} of {counts.total:,} in all"
        + "".join(
            f", {number:,} {name}"
            for name, number in (
                ("left", counts.open),
                ("failed", counts.failed),
                ("in doubt", counts.in_doubt),
                ("suppressed", counts.suppressed),
                ("skipped", counts.skipped),
            )
            if number
        )
    )
    if hold.reason is not WaitReason.DONE:
        until = f"; goes on {local(hold.until)}" if hold.until else ""
        speak = (
            session.say
            if hold.reason
            not in (WaitReason.CREDENTIALS, WaitReason.SETUP, WaitReason.STOPPED, WaitReason.SERVER)
            else complain
        )
        speak(f"{sentence_of(hold)}{until}")
        if counts.open:
            session.say(f"all will have gone about {local(result.finish_at)}")
    session.say(next_step(hold, result.campaign_id))
