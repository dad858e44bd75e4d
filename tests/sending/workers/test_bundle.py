"""The unpacked files of a bundle, after something happened to them on the worker's disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailrunner.clock import SystemClock
from mailrunner.config.project import load_project
from mailrunner.sending.workers.bundle import campaign_from, files_of
from mailrunner.store import Ledger
from mailrunner.store.job_queue.queue import JobQueue
from tests.sending.workers.test_worker import office, settings
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

Unpack = Callable[[], dict[str, bytes]]


@pytest.fixture
def worker(tmp_path: Path) -> Project:
    return Project(tmp_path / "worker")


@pytest.fixture
def unpack(tmp_path: Path, worker: Project, postgresql_ledger: str, server: SmtpServer) -> Iterator[Unpack]:
    """Prepares the campaign on a machine that has a bundle alone; returns the files that it would use."""
    here = office(tmp_path / "office", postgresql_ledger, server)
    assert here.mailrunner("run", "spring", "--workers", "--yes").code == 75
    settings(worker, postgresql_ledger, server)
    project = load_project(worker.folder, {})
    with Ledger.open(folder=worker.folder, url=postgresql_ledger, clock=SystemClock()) as ledger:
        bundles = JobQueue(ledger.database, project.workers.schema).bundles
        (record,) = ledger.campaigns.all()
        yield lambda: files_of(campaign_from(bundles, project, record))


def delete_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def delete_one(folder: Path) -> None:
    (folder / "data/tickets/N3.txt").unlink()


def cut_short(folder: Path) -> None:
    (folder / "data/programme.pdf").write_bytes(b"%PDF-1.4 the")


def exchange_octets(folder: Path) -> None:
    file = folder / "templates/logo.png"
    file.write_bytes(file.read_bytes()[::-1])


@pytest.mark.parametrize("harm", [delete_folder, delete_one, cut_short, exchange_octets])
def test_files_that_were_deleted_or_damaged_are_unpacked_again(
    unpack: Unpack, worker: Project, harm: Callable[[Path], None]
) -> None:
    whole = unpack()
    assert "data/tickets/N3.txt" in whole
    (folder,) = (path for path in (worker.folder / ".mailrunner/bundles").iterdir() if path.is_dir())
    harm(folder)
    assert unpack() == whole


def test_files_that_are_whole_are_used_again(unpack: Unpack, worker: Project) -> None:
    def written() -> dict[Path, int]:
        files = (worker.folder / ".mailrunner/bundles").rglob("*")
        return {path: path.stat().st_ino for path in files if path.is_file()}

    unpack()
    before = written()
    unpack()
    assert before and written() == before
