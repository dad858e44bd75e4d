"""Shares of campaigns that wait for a worker: jobs of procrastinate, a queue inside PostgreSQL.

A share is one run of one campaign by one worker, and may be worked twice at once: the ledger keeps its
promises, the queue only spreads the work.  So the queue may lose a job or give it out again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import text

from mailrunner.errors import Problem, UserError
from mailrunner.store.database import Database
from mailrunner.store.job_queue.bundles import Bundles
from mailrunner.store.job_queue.tables import (
    configure,
    configure_async,
    create,
    enter,
    exists,
    pool_arguments,
)

if TYPE_CHECKING:
    from procrastinate import App

QUEUE = "shares"
TASK = "mailrunner.share"
INBOX = "mailrunner.inbox"

_JOBS = """
    SELECT args->>'campaign', (args->>'share')::int, status::text, scheduled_at FROM procrastinate_jobs
    WHERE task_name = :task AND status IN ('todo', 'doing', 'failed') ORDER BY 1, 2, id
"""
_FORGET = """
    DELETE FROM procrastinate_jobs
    WHERE task_name = :task AND status = CAST(:status AS procrastinate_job_status)
        AND args->>'campaign' = :campaign
"""


@dataclass(frozen=True, slots=True)
class ShareJob:
    """One share in the queue; `status` is "todo", "doing" or "failed"; it is not worked before `at`."""

    campaign: str
    share: int
    status: str
    at: datetime | None


class JobQueue:
    """The queue of one ledger; `schema` is that of its tables."""

    def __init__(self, database: Database, schema: str) -> None:
        """Raises UserError where the ledger is no PostgreSQL, or the package is not installed."""
        require_package()
        if database.is_sqlite:
            hint = (
                'set database = "postgresql+psycopg://…"; to take what you have along: mailrunner ledger copy'
            )
            message = "workers need a ledger in PostgreSQL, which machines can share"
            raise UserError(Problem(message, "mailrunner.toml", "database", hint))
        self._database, self._schema = database, schema
        self.bundles = Bundles(database, schema)

    def prepare(self) -> None:
        """Make the tables, unless they are there."""
        create(self._database, self._schema)

    def app(self) -> App:
        """procrastinate's entry for a worker, which is asynchronous."""
        from procrastinate import App, PsycopgConnector

        setting = partial(configure_async, schema=self._schema)
        return App(connector=PsycopgConnector(**pool_arguments(self._database), configure=setting))

    @contextmanager
    def opened(self) -> Iterator[App]:
        """The same for a command, which only puts jobs in."""
        from procrastinate import App, SyncPsycopgConnector

        setting = partial(configure, schema=self._schema)
        connector = SyncPsycopgConnector(**pool_arguments(self._database), configure=setting)
        with App(connector=connector).open() as app:
            yield app

    def jobs(self) -> list[ShareJob]:
        """The shares that wait, are being worked, or have failed; empty where there is no queue yet."""
        with self._database.read() as connection:
            if not exists(connection, self._schema):
                return []
            enter(connection, self._schema)
            return [ShareJob(*row) for row in connection.execute(text(_JOBS), {"task": TASK})]

    def is_due(self, now: datetime) -> bool:
        """True if a share waits that can be worked now."""
        return any(job.status == "todo" and (job.at is None or job.at <= now) for job in self.jobs())

    def forget_failed(self, campaign: str) -> None:
        """Delete the failed shares of a campaign: the user has seen to it."""
        self._forget(campaign, "failed")

    def forget_waiting(self, campaign: str) -> None:
        """Delete the shares of a campaign that wait: there is nothing to do for them."""
        self._forget(campaign, "todo")

    def _forget(self, campaign: str, status: str) -> None:
        with self._database.write() as connection:
            enter(connection, self._schema)
            values = {"task": TASK, "campaign": campaign, "status": status}
            connection.execute(text(_FORGET), values)

    def fill(self, app: App, campaign: str, shares: int) -> int:
        """Let `shares` shares of a campaign wait or be worked; how many were put in.

        It is none where one of them has failed: what is wrong needs a user.
        """
        known = [job for job in self.jobs() if job.campaign == campaign]
        if any(job.status == "failed" for job in known):
            return 0
        missing = set(range(1, shares + 1)) - {job.share for job in known}
        return sum(put(app, campaign, share) for share in sorted(missing))


def put(app: App, campaign: str, share: int, at: datetime | None = None) -> bool:
    """Put a share into the queue, for `at` at the earliest; False if it waits there already."""
    from procrastinate.exceptions import AlreadyEnqueued

    lock = f"{campaign}/{share}"
    deferrer = app.configure_task(TASK, queue=QUEUE, queueing_lock=lock, schedule_at=at)
    with suppress(AlreadyEnqueued):
        deferrer.defer(campaign=campaign, share=share)
        return True
    return False


def put_inbox(app: App, at: datetime | None = None) -> None:
    """Let one worker read the mailboxes, at `at` at the earliest, unless that waits already."""
    from procrastinate.exceptions import AlreadyEnqueued

    with suppress(AlreadyEnqueued):
        app.configure_task(INBOX, queue=QUEUE, queueing_lock=INBOX, schedule_at=at).defer()


def require_package() -> None:
    """Raise UserError, with what to type, where the package of the queue is not installed."""
    try:
        import procrastinate  # noqa: F401
    except ModuleNotFoundError:
        message = "workers need packages that are not installed"
        raise UserError(Problem(message, hint='pip install "mailrunner[workers]"')) from None
