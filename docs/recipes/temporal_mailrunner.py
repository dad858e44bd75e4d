"""Temporal: a workflow that sleeps until the ledger's time and runs the campaign again."""

import asyncio
import json
from datetime import datetime, timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError


@activity.defn
async def run(project: str, campaign: str) -> dict:
    command = ["mailrunner", "run", campaign, "--json", "--project", project]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    answer = json.loads(out or "{}")
    if process.returncode in (76, 77, 78):
        raise ApplicationError(str(answer.get("reason") or answer.get("problems")), non_retryable=True)
    if process.returncode in (74, 130):
        raise ApplicationError(f"exit {process.returncode}")  # tried again by the retry policy
    return answer


@workflow.defn
class Campaign:
    @workflow.run
    async def send(self, project: str, campaign: str) -> dict:
        while True:
            answer = await workflow.execute_activity(
                run, args=[project, campaign], start_to_close_timeout=timedelta(hours=12)
            )
            if answer["state"] != "waiting":
                return answer["counts"]
            at, now = answer["resume_at"], workflow.now()
            left = (datetime.fromisoformat(at) - now).total_seconds() if at else 60
            await workflow.sleep(max(left, 5))
