"""procrastinate's worker as `mailrunner work` runs it, and the care for jobs whose worker has died."""

from __future__ import annotations

from collections.abc import Callable

from procrastinate import App
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from procrastinate.worker import Worker
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from mailrunner.errors import LedgerError
from mailrunner.store.job_queue.queue import QUEUE

_HEARTBEAT = 5.0  # seconds
DEAD = 20.0  # seconds without a heartbeat


class ShareWorker(Worker):
    """Works the queue of shares, `concurrency` at once; `on_stop` ends those that are running."""

    def __init__(self, app: App, *, concurrency: int, drain: bool, on_stop: Callable[[], None]) -> None:
        super().__init__(
            app,
            queues=[QUEUE],
            name="mailrunner",
            concurrency=concurrency,
            wait=not drain,
            fetch_job_polling_interval=2.0,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=_HEARTBEAT,
            stalled_worker_timeout=DEAD,
        )
        self._on_stop = on_stop

    def stop(self) -> None:
        """Take no further share, and end the running ones; called also when the database is lost."""
        self._on_stop()
        super().stop()  # type: ignore[no-untyped-call]


async def rescue(app: App) -> int:
    """Put back the shares that workers who died were working on; how many.

    One whose successor waits already is only removed: two that wait may not have one name.
    """
    stalled = list(await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=DEAD))
    for job in stalled:
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            await app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)
    return len(stalled)


def is_passing(error: Exception) -> bool:
    """True for a database that is away, as each of the libraries says it."""
    if isinstance(error, LedgerError):
        return error.passing
    return isinstance(error, (ConnectorException, OperationalError, PoolTimeout, OSError))
