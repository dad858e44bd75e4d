"""Projects whose account logs in by token at fake servers on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.oauth_server import OAuthServer, browser
from tests.support.projects import Project

PRESETS = {"google": "google-workspace", "microsoft": "microsoft365"}


def token_project(
    folder: Path,
    oauth: OAuthServer,
    *,
    port: int,
    provider: str = "microsoft",
    rows: Iterable[str] = ("bob@example.org,Bob",),
    flow: str = "",
    imap_port: int = 0,
) -> Project:
    """A project with the account "club" and the campaign "spring"; IMAP where `imap_port` names one."""
    project = Project(folder)
    imap = f'imap = {{ host = "127.0.0.1", port = {imap_port}, tls = "none" }}' if imap_port else ""
    extra = f'flow = "{flow}"\n' if flow else ""
    project.put(
        "mailrunner.toml",
        f"""
[accounts.club]
provider = "{PRESETS[provider]}"
host = "127.0.0.1"
port = {port}
tls = "none"
user = "{oauth.user}"
login = "oauth"
limits = ["unlimited/24h", "unlimited/minute"]
{imap}
[accounts.club.oauth]
{oauth.table(provider)}{extra}
""",
    )
    project.add_campaign("spring", rows=rows)
    file = folder / "campaigns" / "spring.toml"
    file.write_text(file.read_text().replace('account = "relay"', 'account = "club"'))
    return project


def user_at_the_browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that are opened from now on; a user looks at each, as the fake server's `consent` says."""
    pages: list[str] = []

    def look(url: str) -> bool:
        pages.append(url)
        threading.Thread(target=browser, args=(url,), daemon=True).start()
        return True

    monkeypatch.setenv("BROWSER", "one of the test")
    monkeypatch.setattr("webbrowser.open", look)
    return pages
