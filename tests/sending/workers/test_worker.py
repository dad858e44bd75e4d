"""Campaigns handed over to workers: another machine, with the URL and the secrets alone, sends them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from mailrunner.clock import SystemClock
from mailrunner.config.project import load_project
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import Counts
from mailrunner.sending.workers.share_worker import rescue
from mailrunner.sending.workers.worker import WorkerProcess
from mailrunner.store import Ledger, Run
from mailrunner.store.job_queue.queue import JobQueue, ShareJob
from mailrunner.store.job_queue.tables import enter
from tests.support.faults import Gate
from tests.support.patience import PATIENCE
from tests.support.projects import Project
from tests.support.smtp_server import Rule, SmtpServer, reply

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
LETTER = """<html><body><p>Hello {{ name }}</p><img src="cid:logo.png" alt="Club" width="1" height="1">
<p>{{ postal_address }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>
"""


def settings(project: Project, url: str, server: SmtpServer, limits: str = '"10000/24h"') -> Project:
    """mailrunner.toml alone, as it stands on each machine."""
    project.write_account(port=server.port, project=f'database = "{url}"', limits=limits)
    return project


def office(folder: Path, url: str, server: SmtpServer, limits: str = '"10000/24h"') -> Project:
    """The machine with all files: a template with an image, and two attachments."""
    project, number = settings(Project(folder), url, server, limits), 12
    message = 'attachments = ["data/programme.pdf", "data/tickets/{{ name }}.txt"]'
    project.write_campaign("spring", csv="people.csv", message=message, letter=LETTER)
    project.put("templates/logo.png", PNG)
    project.put("data/programme.pdf", b"%PDF-1.4 the programme")
    for n in range(number):
        project.put(f"data/tickets/N{n}.txt", f"ticket {n}")
    rows = "".join(f"p{n}@example.org,N{n}\n" for n in range(number))
    project.put("data/people.csv", f"email,name\n{rows}")
    return project


def test_another_machine_sends_it_with_the_url_and_the_secrets_alone(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path / "office", postgresql_ledger, server)
    there = settings(Project(tmp_path / "worker"), postgresql_ledger, server)
    handed = here.mailrunner("run", "spring", "--workers", "--yes")
    assert handed.code == 75 and "handed over" in handed.stdout + handed.stderr
    assert not server.accepted
    done = there.mailrunner("work", "--drain")
    assert done.code == 0, done.stderr
    assert sorted(m.recipient for m in server.accepted) == sorted(f"p{n}@example.org" for n in range(12))
    message = server.accepted[0].data
    assert b"programme.pdf" in message and b"image/png" in message and b".txt" in message
    assert here.mailrunner("status", "spring").code == 0
    assert here.mailrunner("run", "spring", "--workers", "--yes").code == 0


@contextmanager
def queue_of(project: Project, url: str) -> Iterator[tuple[JobQueue, Ledger]]:
    with Ledger.open(folder=project.folder, url=url, clock=SystemClock()) as ledger:
        yield JobQueue(ledger.database, "mailrunner_jobs"), ledger


def worker_of(folder: Path, inbox: Callable[[], None] | None = None) -> WorkerProcess:
    project, clock = load_project(folder, {}), SystemClock()
    log = EventLog(None, clock=clock)
    return WorkerProcess(project, shares=1, log=log, clock=clock, say=lambda _: None, inbox=inbox)


def jobs(project: Project, url: str) -> list[ShareJob]:
    with queue_of(project, url) as (queue, _):
        return queue.jobs()


def execute(project: Project, url: str, statement: str) -> None:
    with queue_of(project, url) as (_, ledger), ledger.database.write() as connection:
        enter(connection, "mailrunner_jobs")
        connection.execute(text(statement))


def test_at_the_cap_every_share_waits_for_the_ledgers_time(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path, postgresql_ledger, server, limits='"5/24h"')
    here.mailrunner("run", "spring", "--workers", "--yes")
    here.mailrunner("run", "spring", "--workers", "--yes")  # again is no more
    assert [(job.share, job.status, job.at) for job in jobs(here, postgresql_ledger)] == [
        (1, "todo", None),
        (2, "todo", None),
    ]
    assert here.mailrunner("work", "--drain").code == 75
    assert len(server.accepted) == 5
    waiting = jobs(here, postgresql_ledger)
    assert [(job.share, job.status) for job in waiting] == [(1, "todo"), (2, "todo")]
    with queue_of(here, postgresql_ledger) as (_, ledger):
        (resume_at,) = (record.resume_at for record in ledger.campaigns.all())
    assert resume_at is not None
    assert all(job.at and abs(job.at - resume_at) < timedelta(minutes=1) for job in waiting)
    assert resume_at - ledger.clock.now() > timedelta(hours=23)
    said = here.mailrunner("workers")
    assert said.stdout.count("waits until") == 2


def test_the_shares_of_workers_that_died_are_put_back(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    """One is known by its heartbeat; one was pruned, which once hid its jobs; one has a successor already."""
    here = office(tmp_path, postgresql_ledger, server)
    here.put("mailrunner.toml", (tmp_path / "mailrunner.toml").read_text() + "[workers]\nshares = 3\n")
    here.mailrunner("run", "spring", "--workers", "--yes")
    execute(
        here,
        postgresql_ledger,
        """
        INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute');
        UPDATE procrastinate_jobs
            SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers);
        UPDATE procrastinate_jobs SET worker_id = NULL WHERE args->>'share' = '2';
        INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
            SELECT queue_name, task_name, queueing_lock, args FROM procrastinate_jobs
            WHERE args->>'share' = '3'
        """,
    )
    asyncio.run(rescued(here, postgresql_ledger))
    assert [(job.share, job.status) for job in jobs(here, postgresql_ledger)] == [
        (1, "todo"),
        (2, "todo"),
        (3, "todo"),
    ]
    assert here.mailrunner("work", "--drain").code == 0
    assert len({m.recipient for m in server.accepted}) == len(server.accepted) == 12


async def rescued(project: Project, url: str) -> None:
    with queue_of(project, url) as (queue, _):
        app = queue.app()
        async with app.open_async():
            await rescue(app)


def test_a_campaign_without_a_share_in_the_queue_gets_its_shares(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    """A worker was killed between the end of a share and its successor, or the queue was lost."""
    here = office(tmp_path, postgresql_ledger, server)
    here.mailrunner("run", "spring", "--workers", "--yes")
    execute(here, postgresql_ledger, "DELETE FROM procrastinate_jobs")
    assert here.mailrunner("work", "--drain").code == 0
    assert len(server.accepted) == 12


def test_what_needs_a_user_is_shown_and_tried_by_no_worker(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path, postgresql_ledger, server)
    here.mailrunner("run", "spring", "--workers", "--yes")
    server.rules = (Rule("mail", reply(550, "5.7.1 sender refused")),)
    assert here.mailrunner("work", "--drain").code == 76
    tried = server.connections
    assert {job.status for job in jobs(here, postgresql_ledger)} == {"failed"}
    assert here.mailrunner("work", "--drain").code == 76
    assert server.connections == tried
    assert "failed: see mailrunner status spring" in here.mailrunner("workers").stdout
    server.rules = ()
    assert here.mailrunner("run", "spring", "--workers", "--again").code == 75
    assert here.mailrunner("work", "--drain").code == 0
    assert len(server.accepted) == 12


def test_a_paused_campaign_is_left_alone_until_unpause(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path, postgresql_ledger, server)
    here.mailrunner("run", "spring", "--workers", "--yes")
    here.mailrunner("pause", "spring")
    assert here.mailrunner("work", "--drain").code == 0
    assert not server.accepted and not jobs(here, postgresql_ledger)
    here.mailrunner("unpause", "spring")
    assert here.mailrunner("work", "--drain").code == 0
    assert len(server.accepted) == 12


def test_changed_content_reaches_the_workers_with_the_next_hand_over(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path / "office", postgresql_ledger, server, limits='"5/24h"')
    there = settings(Project(tmp_path / "worker"), postgresql_ledger, server)
    here.mailrunner("run", "spring", "--workers", "--yes")
    here.mailrunner("work", "--drain")
    here.put("templates/letter.html", LETTER.replace("Hello", "Good morning"))
    settings(here, postgresql_ledger, server)
    assert here.mailrunner("run", "spring", "--workers").code == 78
    assert here.mailrunner("run", "spring", "--workers", "--accept-changes").code == 75
    execute(here, postgresql_ledger, "UPDATE procrastinate_jobs SET scheduled_at = NULL")
    there.mailrunner("work", "--drain")
    said = [b"Good morning" in m.data for m in server.accepted]
    assert said == [False] * 5 + [True] * 7


def test_a_worker_that_is_asked_to_end_finishes_what_is_in_flight(
    tmp_path: Path, postgresql_ledger: str
) -> None:
    gate = Gate("eod", 3)
    with SmtpServer(rules=[gate.rule]) as server:
        here = office(tmp_path, postgresql_ledger, server)
        here.mailrunner("run", "spring", "--workers", "--yes")
        process = worker_of(tmp_path)
        thread = threading.Thread(target=process.run)
        thread.start()
        gate.await_arrival()
        process.stop()
        gate.open()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        sent = len(server.accepted)
        with queue_of(here, postgresql_ledger) as (queue, ledger):
            (record,) = ledger.campaigns.all()
            assert ledger.deliveries.counts(record.no) == Counts(sent=sent, queued=12 - sent)
            assert {job.status for job in queue.jobs()} == {"todo"}
        assert here.mailrunner("work", "--drain").code == 0
        assert len({m.recipient for m in server.accepted}) == len(server.accepted) == 12


def test_no_hidden_file_and_none_from_outside_is_in_a_bundle_and_purge_deletes_it(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path / "office", postgresql_ledger, server)
    here.put(".env", "SECRET=1")
    here.put("templates/.hidden", "secret")
    (tmp_path / "outside.html").write_text("secret")
    (here.folder / "templates/outside.html").symlink_to(tmp_path / "outside.html")
    here.mailrunner("run", "spring", "--workers", "--yes")
    with queue_of(here, postgresql_ledger) as (queue, ledger):
        (record,) = ledger.campaigns.all()
        files = queue.bundles.files(record.no)
    tickets = {f"data/tickets/N{n}.txt" for n in range(12)}
    own = {"campaigns/spring.toml", "templates/letter.html", "templates/logo.png", "data/programme.pdf"}
    assert files.keys() == tickets | own
    assert here.mailrunner("work", "--drain").code == 0
    assert here.mailrunner("purge", "spring").code == 0
    with queue_of(here, postgresql_ledger) as (queue, ledger):
        assert queue.bundles.files(record.no) == {} and queue.bundles.campaigns() == set()


def test_workers_need_postgresql_and_their_packages(
    tmp_path: Path, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = office(tmp_path, "sqlite:///data/mailrunner.db", server)
    for words in (("run", "spring", "--workers", "--yes"), ("work", "--drain")):
        refused = here.mailrunner(*words)
        assert refused.code == 78 and "PostgreSQL" in refused.stderr
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    for words in (("run", "spring", "--workers", "--yes"), ("work", "--drain")):
        refused = here.mailrunner(*words)
        assert refused.code == 78 and 'pip install "mailrunner[workers]"' in refused.stderr
    assert not server.accepted


def test_one_worker_of_all_reads_the_mailboxes(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    office(tmp_path, postgresql_ledger, server)
    reads: list[str] = []
    for name in ("first", "second"):
        process = worker_of(tmp_path, inbox=partial(reads.append, name))
        process.run(drain=True)
    assert reads == ["first"]


def test_status_shows_the_machines_and_workers_the_runs(
    tmp_path: Path, postgresql_ledger: str, server: SmtpServer
) -> None:
    here = office(tmp_path / "office", postgresql_ledger, server)
    there = settings(Project(tmp_path / "worker"), postgresql_ledger, server)
    here.mailrunner("run", "spring", "--workers", "--yes")
    there.mailrunner("work", "--drain")
    machines = json.loads(here.mailrunner("status", "--json").stdout)["machines"]
    assert {machine["folder"] for machine in machines} == {str(here.folder), str(there.folder)}
    assert here.mailrunner("status").stdout.count("machine ") == 2
    with queue_of(here, postgresql_ledger) as (_, ledger):
        run = Run.begin(ledger.database)
        found = json.loads(here.mailrunner("workers", "--json").stdout)
        run.end()
    assert found["shares"] == [] and [run["pid"] for run in found["runs"]] == [os.getpid()]
