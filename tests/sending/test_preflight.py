"""What `check` finds by itself, beside the messages: the server's word on addresses beyond ASCII."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import Project
from tests.support.smtp_server import EXTENSIONS, SmtpServer

ROWS = ["jörg@xn--mnchen-3ya.de,Jörg", "ana@example.org,Ana"]
WITHOUT = tuple(name for name in EXTENSIONS if name != "SMTPUTF8")


@pytest.mark.parametrize(
    ("extensions", "remark"),
    [(EXTENSIONS, ""), (WITHOUT, "the server offers no SMTPUTF8: they would fail: jörg@")],
    ids=["it does", "it does not"],
)
def test_the_server_says_whether_it_takes_addresses_beyond_ascii(
    tmp_path: Path, extensions: tuple[str, ...], remark: str
) -> None:
    with SmtpServer(extensions=extensions) as server:
        said = Project(tmp_path).write(rows=ROWS, port=server.port).mailrunner("check", "spring")
    assert said.code == 0
    assert remark in said.stdout
    assert ("beyond ASCII" in said.stdout) is bool(remark)
    assert not server.accepted


def test_where_it_is_away_the_addresses_are_pointed_out(tmp_path: Path) -> None:
    with SmtpServer() as server:
        port = server.port
    said = Project(tmp_path).write(rows=ROWS, port=port).mailrunner("check", "spring")
    assert "only a server with SMTPUTF8 takes it: jörg@" in said.stdout


def test_it_is_not_asked_without_need(tmp_path: Path) -> None:
    with SmtpServer() as server:
        said = Project(tmp_path).write(rows=ROWS[1:], port=server.port).mailrunner("check", "spring")
    assert said.code == 0
    assert server.connections == 0
