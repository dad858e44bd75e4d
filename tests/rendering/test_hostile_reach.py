"""Nothing outside the project is read, nothing is fetched, whatever a template or a cell names."""

from __future__ import annotations

import email
import email.policy
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mailrunner.errors import RowError, UserError
from tests.support import rendering
from tests.support.campaigns import CampaignInProcess
from tests.support.commands import said
from tests.support.projects import Project
from tests.support.rendering import Spec, fields_for, project_in, renderer
from tests.support.smtp_server import SmtpServer


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example of a property."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def outside(folder: Path) -> dict[str, str]:
    """Ways to name a file that holds a canary and must not be read."""
    (folder / "outside.txt").write_text("CANARY outside")
    project = project_in(folder / "p")
    (project / ".env").write_text("PASSWORD=CANARY")
    (project / "templates" / "link.html").symlink_to(folder / "outside.txt")
    (project / "data" / "link.txt").symlink_to(folder / "outside.txt")
    (project / "data" / "hidden.txt").symlink_to(project / ".env")
    (project / "data" / "folder").symlink_to(folder)
    absolute = str(folder / "outside.txt")
    names = (
        "../outside.txt",
        "../../outside.txt",
        absolute,
        f"file://{absolute}",
        ".env",
        "../.env",
        "link.html",
    )
    more = (
        "data/link.txt",
        "data/hidden.txt",
        "data/folder/outside.txt",
        "data/../../outside.txt",
        "link.txt",
    )
    return dict.fromkeys((*names, *more, "hidden.txt", "folder/outside.txt", "tickets/../../.env"), absolute)


USES: dict[str, tuple[str, Callable[[str], Spec]]] = {
    "include": ("{% include NAME %}", lambda _: Spec()),
    "maybe include": ("{% include [NAME] ignore missing %}", lambda _: Spec()),
    "import": ("{% import NAME as x %}{{ x }}", lambda _: Spec()),
    "extends": ("{% extends NAME %}", lambda _: Spec()),
    "image": ("<img src='cid:TEXT'>", lambda _: Spec()),
    "style": ("<link rel='stylesheet' href='TEXT'><style>@import url(TEXT);</style><p>x", lambda _: Spec()),
    "entity": ('<!DOCTYPE a [<!ENTITY e SYSTEM "TEXT">]><p>&e;</p>', lambda _: Spec()),
    "template": ("<p>x</p>", lambda name: Spec(html=name)),
    "text": ("<p>x</p>", lambda name: Spec(text=name)),
    "attachment": ("<p>x</p>", lambda name: Spec(attachments=[name])),
    "a row's attachment": ("<p>x</p>", lambda _: Spec(attachments=["data/{{ x }}"])),
    "a row's own path": ("<p>x</p>", lambda _: Spec(attachments=["{{ x }}"])),
    "a row's image": ("<img src='cid:{{ x }}'>", lambda _: Spec()),
    "a row's include": ("{% include x %}", lambda _: Spec()),
    "a row's choice": ("{% include [x, 'spring.txt'] %}", lambda _: Spec()),
    "a row's style": ("<link rel='stylesheet' href='{{ x }}'><p>x", lambda _: Spec()),
}


@pytest.mark.parametrize("use", USES)
def test_no_file_outside_the_project_and_no_hidden_one_goes_out(tmp_path: Path, use: str) -> None:
    source, spec_of = USES[use]
    names = outside(tmp_path)
    for name in names:
        text = source.replace("NAME", repr(name)).replace("TEXT", name)
        Project(tmp_path / "p").put("templates/spring.html", text)
        try:
            message = renderer(tmp_path / "p", spec_of(name)).render(fields_for(x=name), rendering.NOW)
        except (UserError, RowError) as error:
            assert "CANARY" not in str(error)
            continue
        parts = email.message_from_bytes(message.data).walk()
        assert not any(
            b"CANARY" in (p.get_payload(decode=True) or b"") for p in parts if not p.is_multipart()
        )
        assert b"CANARY" not in message.data


class Listener:
    """A web server that counts who comes."""

    def __init__(self) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            do_HEAD = do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Listener:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


FETCHING = (Path(__file__).parents[1] / "data" / "hostile_corpus" / "fetching.html").read_text()


def test_nothing_is_fetched_by_checking_previewing_or_sending(tmp_path: Path) -> None:
    with Listener() as listener, SmtpServer() as server:
        host = listener.url.removeprefix("http://")
        source = FETCHING.replace("URL", listener.url).replace("HOST", host)
        mailing = CampaignInProcess(tmp_path, server).write(
            csv=f"email,name\na@example.org,{listener.url}/row.css\n", letter=source
        )
        (mailing.folder / "templates" / "relative.css").write_text("p { color: navy }")  # the only one read
        for words in (("check", "spring"), ("preview", "spring"), ("run", "spring"), ("report", "spring")):
            assert said(mailing.folder, *words)[0] == 0
        assert len(server.accepted) == 1
        assert listener.asked == []
