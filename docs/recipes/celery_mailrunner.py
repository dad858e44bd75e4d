"""Celery: celery -A celery_mailrunner worker, then send.delay("newsletter") once for each machine."""

import json
import os
import subprocess
from datetime import UTC, datetime

from celery import Celery

app = Celery("mailrunner", broker=os.environ["BROKER_URL"])
# A task whose worker dies comes again; none is fetched ahead. Running twice does no harm.
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1)
LONGEST = 3000  # seconds; below the visibility timeout of Redis (an hour), after which a task runs twice


@app.task(bind=True, max_retries=None)
def send(self, campaign):
    command = ["mailrunner", "run", campaign, "--json", "--project", os.environ["MAILRUNNER_PROJECT"]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    answer = json.loads(done.stdout or "{}")
    if done.returncode in (74, 75, 130):  # the ledger is away, later, interrupted
        at = answer.get("resume_at")
        left = (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds() if at else 30
        raise self.retry(countdown=min(max(left, 5), LONGEST))
    if done.returncode > 1:  # 76, 77, 78: needs a person
        raise RuntimeError(answer.get("reason") or answer.get("problems"))
    return answer["counts"]
