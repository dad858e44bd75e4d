"""A ledger that failed over, or was put back: every machine refuses, and afterwards none is mailed twice."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.conftest import new_database
from tests.support.postgresql_standby import Standby, ask, programs
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

ROWS = [f"person{n}@example.org,Name {n}" for n in range(60)]


def copies(server: SmtpServer) -> Counter[str]:
    return Counter(message.recipient for message in server.accepted)


def machine(folder: Path, url: str, port: int, *, ledger: str = "", limits: str = '"10000/24h"') -> Project:
    """A project on the ledger at `url`, with files that are the same on every machine."""
    project = Project(folder)
    project.write_account(port=port, limits=limits, project=f'database = "{url}"\n{ledger}')
    project.add_campaign("spring", rows=ROWS)
    return project


def moved(project: Project, old: str, new: str) -> None:
    file = project.folder / "mailrunner.toml"
    file.write_text(file.read_text().replace(old, new))


def in_doubt(project: Project) -> int:
    import json

    return int(
        json.loads(project.mailrunner("status", "--json").stdout)["campaigns"][0]["counts"]["in_doubt"]
    )


def finish(projects: list[Project]) -> None:
    for project in projects:
        project.mailrunner("resume")


def test_a_promoted_standby_that_was_behind_is_refused_by_every_machine_and_none_is_mailed_twice(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    first, second, third = (machine(tmp_path / f"m{n}", postgresql_database, server.port) for n in (1, 2, 3))
    assert first.mailrunner("run", "spring", "--yes", "--limit", "10").code == 75
    assert second.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    with Standby(postgresql) as standby:
        standby.caught_up()
        standby.cut_off()
        assert first.mailrunner("run", "spring", "--yes", "--limit", "8").code == 75
        assert second.mailrunner("run", "spring", "--yes", "--limit", "7").code == 75
        new = standby.promote(postgresql_database)
        for project in (first, second, third):
            moved(project, postgresql_database, new)
            refused = project.mailrunner("resume")
            assert refused.code == 74 and "--same-ledger" in refused.stderr
            assert "standby" in refused.stderr or "older" in refused.stderr
        assert sum(copies(server).values()) == 30

        told = first.mailrunner("resume", "--same-ledger")
        assert told.code == 75 and "8 messages" in told.stderr and "m2" in told.stderr
        assert sum(copies(server).values()) == 30, "a run waits for what the other machine began"
        assert second.mailrunner("resume", "--same-ledger").code == 1  # done, with some in doubt
        finish([first, third])
        assert set(copies(server).values()) == {1} and len(copies(server)) == 60
        assert in_doubt(first) == 15


def test_lost_attempts_count_as_used_slots(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    project = machine(tmp_path / "m", postgresql_database, server.port, limits='"20/24h"')
    assert project.mailrunner("run", "spring", "--yes", "--limit", "4").code == 75
    with Standby(postgresql) as standby:
        standby.caught_up()
        standby.cut_off()
        assert project.mailrunner("run", "spring", "--yes", "--limit", "9").code == 75
        moved(project, postgresql_database, standby.promote(postgresql_database))
        assert project.mailrunner("resume", "--same-ledger").code == 75
    assert len(server.accepted) == 20
    assert set(copies(server).values()) == {1}


def test_a_standby_that_is_said_to_be_synchronous_is_asked_for_nothing(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    setting = '[ledger]\nfailover = "synchronous"\n'
    project, gone = (
        machine(tmp_path / name, postgresql_database, server.port, ledger=setting) for name in ("m", "gone")
    )
    for each in (gone, project):  # one was started for a while, and never will be again
        assert each.mailrunner("run", "spring", "--yes", "--limit", "10").code == 75
    with Standby(postgresql) as standby:
        standby.caught_up()
        moved(project, postgresql_database, standby.promote(postgresql_database))
        assert project.mailrunner("resume").code == 0
    assert set(copies(server).values()) == {1} and len(copies(server)) == 60


def test_a_standby_that_is_said_to_be_synchronous_and_was_behind_is_refused(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    setting = '[ledger]\nfailover = "synchronous"\n'
    project = machine(tmp_path / "m", postgresql_database, server.port, ledger=setting)
    assert project.mailrunner("run", "spring", "--yes", "--limit", "10").code == 75
    with Standby(postgresql) as standby:
        standby.caught_up()
        standby.cut_off()
        assert project.mailrunner("run", "spring", "--yes", "--limit", "10").code == 75
        moved(project, postgresql_database, standby.promote(postgresql_database))
        assert project.mailrunner("resume").code == 74
    assert len(server.accepted) == 20


def test_an_older_dump_is_refused_by_every_machine_also_by_one_that_never_ran(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    first, second, third = (machine(tmp_path / f"m{n}", postgresql_database, server.port) for n in (1, 2, 3))
    assert first.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    assert second.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    dump = subprocess.run(
        [
            programs() / "pg_dump",
            make_url(postgresql_database).set(drivername="postgresql").render_as_string(),
        ],
        check=True,
        capture_output=True,
    ).stdout
    assert first.mailrunner("run", "spring", "--yes", "--limit", "15").code == 75
    with new_database(postgresql) as restored:
        place = make_url(restored).set(drivername="postgresql").render_as_string()
        subprocess.run([programs() / "psql", "-q", place], input=dump, check=True, capture_output=True)
        for project in (third, second, first):
            moved(project, postgresql_database, restored)
            assert project.mailrunner("resume").code == 74, project.folder
        for project in (third, second, first):
            project.mailrunner("resume", "--same-ledger")
        finish([third])
        assert set(copies(server).values()) == {1} and len(copies(server)) == 60
        assert in_doubt(first) == 15


def test_a_machine_that_is_gone_for_good_is_waited_for_no_longer(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    first, second = (machine(tmp_path / f"m{n}", postgresql_database, server.port) for n in (1, 2))
    for project in (first, second):
        assert project.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    with Standby(postgresql) as standby:
        standby.caught_up()
        new = standby.promote(postgresql_database)
        ask(make_url(new), f"UPDATE machines SET host = 'other' WHERE folder = '{second.folder}'")
        moved(first, postgresql_database, new)
        assert first.mailrunner("resume", "--same-ledger").code == 75
        assert "other" in first.mailrunner("ledger", "machines").stdout
        assert first.mailrunner("ledger", "machines", "--gone", "elsewhere").code == 78
        assert first.mailrunner("ledger", "machines", "--gone", "other").code == 0
        assert first.mailrunner("resume").code == 0
    assert set(copies(server).values()) == {1} and len(copies(server)) == 60


def test_an_older_file_that_was_put_back_is_confirmed_and_what_it_does_not_know_is_in_doubt(
    tmp_path: Path, server: SmtpServer
) -> None:
    project = machine(tmp_path, "sqlite:///data/mailrunner.db", server.port)
    assert project.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    shutil.copy(tmp_path / "data/mailrunner.db", tmp_path / "kept.db")
    assert project.mailrunner("run", "spring", "--yes", "--limit", "12").code == 75
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"data/mailrunner.db{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "kept.db", tmp_path / "data/mailrunner.db")
    refused = project.mailrunner("resume")
    assert refused.code == 74 and "--same-ledger" in refused.stderr
    assert project.mailrunner("resume", "--same-ledger").code == 1
    assert set(copies(server).values()) == {1} and len(copies(server)) == 60
    assert in_doubt(project) == 12
    assert project.mailrunner("resume").code in (0, 1), "it is confirmed once"


def test_an_older_file_with_its_guard_is_told_by_what_this_machine_began(
    tmp_path: Path, server: SmtpServer
) -> None:
    project = machine(tmp_path, "sqlite:///data/mailrunner.db", server.port)
    assert project.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    kept = {name: (tmp_path / name).read_bytes() for name in ("data/mailrunner.db", ".mailrunner/ledger")}
    assert project.mailrunner("run", "spring", "--yes", "--limit", "12").code == 75
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"data/mailrunner.db{suffix}").unlink(missing_ok=True)
    for name, octets in kept.items():
        (tmp_path / name).write_bytes(octets)
    assert project.mailrunner("resume").code == 74
    assert len(server.accepted) == 17


def test_a_ledger_that_was_moved_in_order_is_asked_for_nothing(
    tmp_path: Path, postgresql_database: str, server: SmtpServer
) -> None:
    project = machine(tmp_path, "sqlite:///data/mailrunner.db", server.port)
    assert project.mailrunner("run", "spring", "--yes", "--limit", "5").code == 75
    assert project.mailrunner("ledger", "copy", postgresql_database).code == 0
    moved(project, "sqlite:///data/mailrunner.db", postgresql_database)
    assert project.mailrunner("resume").code == 0
    assert set(copies(server).values()) == {1} and len(copies(server)) == 60


def test_check_warns_of_a_server_that_may_forget(
    tmp_path: Path, postgresql: str, postgresql_database: str, server: SmtpServer
) -> None:
    project = machine(tmp_path, postgresql_database, server.port)
    project.mailrunner("run", "spring", "--yes", "--limit", "1")
    with Standby(postgresql) as standby:
        standby.caught_up()
        said = " ".join(project.mailrunner("check", "spring").stdout.split())
    for word in ("fsync = off", "synchronous_commit = off", "standby that is not synchronous"):
        assert word in said
