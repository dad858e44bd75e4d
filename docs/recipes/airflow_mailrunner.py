"""Airflow: a DAG that sends one campaign; the scheduler waits for the quota, no worker does."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.exceptions import AirflowFailException, AirflowRescheduleException
from airflow.sdk import dag, task

PROJECT, CAMPAIGN = "/srv/club", "newsletter"


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def newsletter():
    @task(retries=20, retry_delay=timedelta(minutes=1))
    def send():
        command = ["mailrunner", "run", CAMPAIGN, "--json", "--project", PROJECT]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        answer = json.loads(done.stdout or "{}")
        if done.returncode == 75:  # later: a limit, a window, another machine
            soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
            raise AirflowRescheduleException(datetime.fromisoformat(answer["resume_at"] or soon))
        if done.returncode in (76, 77, 78):  # needs a person: no retry
            raise AirflowFailException(answer.get("reason") or answer.get("problems"))
        if done.returncode > 1:  # 74, 130: the same again
            raise RuntimeError(f"exit {done.returncode}")
        return answer["counts"]

    send()


newsletter()
