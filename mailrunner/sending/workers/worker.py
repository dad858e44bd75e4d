"""The process of `mailrunner work`: it takes shares from the queue and runs each in a thread of its own.

    take a share · run the campaign for a term at most · put in what comes next        (N at once)
    every 10 seconds   put back the shares of workers that have died                   (each worker does)
    every 5 minutes    read the mailboxes                                              (one of all workers)
    every minute       let every campaign that was handed over have its shares         (each worker does)

Nothing of it is trusted with a promise: whatever is lost, killed or done twice here, the ledger alone
says which recipient gets a message.  A share runs in this process, so that its end ends the share.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from mailrunner.clock import Clock
from mailrunner.config.project import Project
from mailrunner.errors import LedgerError, MailrunnerError
from mailrunner.event_log import EventLog
from mailrunner.sending.run import CampaignRun, RunOptions
from mailrunner.sending.workers.bundle import campaign_from
from mailrunner.sending.workers.share import AGAIN, NextShare, RunningShares, next_share
from mailrunner.store import Ledger, LedgerConsent, Phase
from mailrunner.store.job_queue.queue import INBOX, QUEUE, TASK, JobQueue, put, put_inbox

if TYPE_CHECKING:
    from procrastinate import App

    from mailrunner.sending.workers.share_worker import ShareWorker

_RESCUE, _WAKE = 10.0, 60.0  # seconds between two
_SLICE = 0.5
_INBOX = timedelta(minutes=5)
_RECONNECT = timedelta(seconds=5)


class ShareFailedError(Exception):
    """A share that only a user can let go on; the queue keeps it, to be shown."""


class WorkerProcess:
    """One worker with room for `shares` at once; `say` is told in sentences what happens.

    `inbox` reads the mailboxes: one worker of all does so, every five minutes.
    """

    def __init__(
        self,
        project: Project,
        *,
        shares: int,
        log: EventLog,
        clock: Clock,
        say: Callable[[str], None],
        inbox: Callable[[], None] | None = None,
    ) -> None:
        self._project, self._shares, self._log = project, shares, log
        self._clock, self._say, self._inbox = clock, say, inbox
        self._stopping, self._running = threading.Event(), RunningShares()
        self._worker: ShareWorker | None = None

    def run(self, *, drain: bool = False) -> None:
        """Work until `stop`; with `drain` until no share can be worked now.

        A database that is away is waited for.  Raises UserError where workers cannot be had.
        """
        from mailrunner.sending.workers.share_worker import is_passing

        for name in ("procrastinate", "psycopg.pool"):  # what they say of it is said here
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        while not self._stopping.is_set():
            try:
                if not self._work_until_stopped(drain=drain):
                    return
                self._say("the worker lost its database; trying again")
            except Exception as error:
                if not is_passing(error):
                    raise
                self._say(f"the ledger does not answer: {_first_line(error)}; trying again")
            self._clock.wait(self._stopping, self._clock.now() + _RECONNECT)

    def stop(self) -> None:
        """Bring the shares to an end in order, then the process.  Any thread may call it."""
        self._stopping.set()
        self._running.end()
        if (worker := self._worker) is not None:
            worker.stop()

    def _work_until_stopped(self, *, drain: bool) -> bool:
        """One life of the worker; True if it ended before its time."""
        self._running.begin()
        with self._ledger() as ledger:
            queue = JobQueue(ledger.database, self._project.workers.schema)
            queue.prepare()
            while True:
                asyncio.run(self._work(queue, ledger, drain))
                if not drain:
                    return not self._stopping.is_set()
                if self._stopping.is_set() or not queue.is_due(ledger.now()):
                    return False

    def _ledger(self) -> Ledger:
        project = self._project
        consent = LedgerConsent(synchronous=project.failover == "synchronous")
        return Ledger.open(
            folder=project.folder, url=project.database_url, clock=self._clock, consent=consent
        )

    async def _work(self, queue: JobQueue, ledger: Ledger, drain: bool) -> None:
        from mailrunner.sending.workers.share_worker import ShareWorker, rescue

        app = queue.app()
        app.task(name=TASK, queue=QUEUE)(lambda campaign, share: self._share(app, campaign, share))
        app.task(name=INBOX, queue=QUEUE)(lambda: self._read_inbox(app))
        async with app.open_async():

            async def wake() -> None:
                await asyncio.to_thread(self._wake, app, queue, ledger)

            await rescue(app)
            await wake()
            self._worker = ShareWorker(app, concurrency=self._shares, drain=drain, on_stop=self._running.end)
            care = [
                asyncio.create_task(_every(_RESCUE, lambda: rescue(app))),
                asyncio.create_task(_every(_WAKE, wake)),
                asyncio.create_task(self._obey(self._worker)),
            ]
            try:
                await self._worker.run()  # type: ignore[no-untyped-call]
            finally:
                self._worker = None
                for task in care:
                    task.cancel()

    async def _obey(self, worker: ShareWorker) -> None:
        """Stop the worker once asked to: it does not hear what is said before it runs."""
        while not self._stopping.is_set():
            await asyncio.sleep(_SLICE)
        worker.stop()

    def _wake(self, app: App, queue: JobQueue, ledger: Ledger) -> None:
        """Let every begun campaign that was handed over have its shares in the queue."""
        handed_over = queue.bundles.campaigns()
        for record in ledger.campaigns.all():
            if record.phase is Phase.BEGUN and record.no in handed_over:
                queue.fill(app, record.id, self._project.workers.shares)
        if self._inbox is not None:
            put_inbox(app)

    def _read_inbox(self, app: App) -> None:
        put_inbox(app, self._clock.now() + _INBOX)
        if self._inbox is not None:
            self._inbox()

    # -- A share, in a thread of its own

    def _share(self, app: App, campaign: str, share: int) -> None:
        after = self._run_share(campaign)
        if after.failure:
            self._say(f"{campaign}: {after.failure}")
            raise ShareFailedError(after.failure)
        if after.at is not None:
            put(app, campaign, share, after.at)

    def _run_share(self, campaign: str) -> NextShare:
        try:
            with self._ledger() as ledger:
                return self._run_campaign(ledger, campaign)
        except LedgerError as error:
            self._say(f"{campaign}: {error}")
            return NextShare(self._clock.now() + AGAIN)
        except MailrunnerError as error:
            return NextShare(failure=str(error))

    def _run_campaign(self, ledger: Ledger, campaign: str) -> NextShare:
        record = ledger.campaigns.find(campaign)
        if record is None or record.phase is not Phase.BEGUN:
            return NextShare()
        settings = self._project.workers
        queue = JobQueue(ledger.database, settings.schema)
        result = CampaignRun(
            campaign_from(queue.bundles, self._project, record),
            ledger=ledger,
            random=Random(),  # noqa: S311 - jitter, not secrets
            log=self._log,
            options=RunOptions(outlasts=True),
            callbacks=self._running.callbacks(ledger.clock, settings.term),
        ).run()
        if result.sent_now:
            self._say(f"{campaign}: {result.sent_now:,} sent")
        after = next_share(result.wait, ledger.clock.now())
        if after == NextShare():
            queue.forget_waiting(campaign)
        return after


async def _every(seconds: float, action: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        with suppress(Exception):  # the database is away, which the worker itself notices
            await action()


def _first_line(error: Exception) -> str:
    said = error.message if isinstance(error, LedgerError) else str(error)
    return said.strip().splitlines()[0] if said.strip() else type(error).__name__
