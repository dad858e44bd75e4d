"""A published list in a campaign: read once at the snapshot, again for --refresh, and by `check`."""

from __future__ import annotations

from pathlib import Path

from tests.support.list_server import ListServer
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

ROWS = b"email,name\nana@example.org,Ana\nbo@example.org,Bo\n"


def club(folder: Path, server: SmtpServer, url: str) -> Project:
    project = Project(folder)
    project.write_account(port=server.port, limits='"10000/24h"')
    project.write_campaign("spring", csv="none.csv")
    file = folder / "campaigns/spring.toml"
    file.write_text(file.read_text().replace('csv = "data/none.csv"', f'csv = "{url}"'))
    return project


def test_a_run_reads_it_once_and_goes_on_without_the_server(tmp_path: Path) -> None:
    with SmtpServer() as smtp:
        with ListServer(body=ROWS).running() as lists:
            project = club(tmp_path, smtp, lists.url)
            assert project.mailrunner("run", "spring", "--yes", "--limit", "1").code == 75
            assert len(lists.hits) == 1
        assert project.mailrunner("run", "spring", "--yes").code == 0  # the server is gone
        assert sorted(message.recipient for message in smtp.accepted) == ["ana@example.org", "bo@example.org"]
    assert not any(
        b"ana@example.org" in octets for path, octets in project.texts().items() if "lists" in path
    )


def test_check_says_when_it_was_read_and_refresh_reads_it_again(tmp_path: Path) -> None:
    with SmtpServer() as smtp, ListServer(body=ROWS).running() as lists:
        project = club(tmp_path, smtp, lists.url)
        shown = project.mailrunner("check", "spring").stdout
        assert "! https://127.0.0.1/… was read at 20" in shown
        assert project.mailrunner("run", "spring", "--yes").code == 0
        lists.body = ROWS + b"cy@example.org,Cy\n"
        assert project.mailrunner("run", "spring", "--yes").code == 0
        assert len(smtp.accepted) == 2
        project.mailrunner("run", "spring", "--yes", "--refresh")
        assert len(smtp.accepted) == 3


def test_names_before_the_addresses_stay_a_column_without_the_server(tmp_path: Path) -> None:
    with SmtpServer() as smtp:
        rows = b'email\n"Ana Pop <ana@example.org>"\n"Bo <bo@example.org>"\n'
        with ListServer(body=rows).running() as lists:
            project = club(tmp_path, smtp, lists.url)
            assert project.mailrunner("run", "spring", "--yes", "--limit", "1").code == 75
        assert project.mailrunner("run", "spring", "--yes").code == 0
        assert sum(b"Subject: Ana Pop, spring is here" in message.data for message in smtp.accepted) == 1
