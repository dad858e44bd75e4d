"""`mailrunner workers`: the runs that are open, and the shares in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailrunner.cli.app import SERVICES, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.output import local
from mailrunner.cli.status_text import machine_line
from mailrunner.clock import clock_difference, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from mailrunner.store.job_queue.queue import ShareJob


@command(app, "workers", panel=SERVICES)
def workers(context: CommandContext, as_json: JsonOption = False) -> None:
    """Show which machines send now, and what waits for a worker."""
    from mailrunner.sending.python_api.ledger_states import machine_objects
    from mailrunner.store.job_queue.queue import JobQueue

    with context.existing_ledger() as ledger:
        runs, now, machines = ledger.open_runs(), ledger.now(), machine_objects(ledger)
        jobs = JobQueue(ledger.database, context.project.workers.schema).jobs()
        notice = ledger.clock_warning
    if as_json:
        shares = [share_object(job) for job in jobs]
        context.json({"runs": [run.as_dict() for run in runs], "shares": shares, "machines": machines})
        return
    if notice:
        context.say(notice)
    for run in runs:
        context.result(
            f"{run.campaign or '(begins)'}  on {run.host}, process {run.pid}, since {local(run.started_at)}"
        )
    for job in jobs:
        context.result(f"{job.campaign}  share {job.share}  {_state(job, now)}")
    for machine in machines:
        if clock_difference(machine["clock_ahead_seconds"]):
            context.result(machine_line(machine))
    if not runs and not jobs:
        context.say(
            "Nothing is being sent, and nothing waits. To hand over: mailrunner run CAMPAIGN --workers"
        )


def share_object(job: ShareJob) -> dict[str, Any]:
    """A share as JSON shows it."""
    return {"campaign": job.campaign, "share": job.share, "state": _STATES[job.status], "at": rfc3339(job.at)}


_STATES = {"todo": "waiting", "doing": "working", "failed": "failed"}


def _state(job: ShareJob, now: datetime) -> str:
    if job.status == "failed":
        return f"failed: see mailrunner status {job.campaign}, then: mailrunner run {job.campaign} --workers"
    if job.status == "todo" and job.at is not None and job.at > now:
        return f"waits until {local(job.at)}"
    return "is being worked" if job.status == "doing" else "waits for a worker"
