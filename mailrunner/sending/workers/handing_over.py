"""`run C --workers`: a campaign's files go into the ledger's database, and its shares into the queue."""

from __future__ import annotations

from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.workers.bundle import files_of
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.job_queue.queue import JobQueue


class HandingOver:
    """Hands one prepared campaign over to the workers; it may be done again."""

    def __init__(self, prepared: PreparedCampaign, ledger: Ledger) -> None:
        """Raises UserError where the campaign cannot be handed over, before anything is changed."""
        self._settings = prepared.project.workers
        self._queue = JobQueue(ledger.database, self._settings.schema)
        self._files = files_of(prepared)

    def __call__(self, record: CampaignRecord) -> None:
        """Keep the files, forget what failed before, and fill the queue."""
        self._queue.prepare()
        self._queue.bundles.keep(record.no, self._files)
        self._queue.forget_failed(record.id)
        with self._queue.opened() as app:
            self._queue.fill(app, record.id, self._settings.shares)
