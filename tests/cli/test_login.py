"""`login` and `logout` against fake Google and Microsoft servers, and a real IMAP server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mailrunner.cli import login_flows
from tests.support.http_api_server import HttpApiServer
from tests.support.imap_server import TokenImapServer
from tests.support.oauth_projects import token_project, user_at_the_browser
from tests.support.oauth_server import CANARY, OAuthServer, error
from tests.support.projects import Answer, Project
from tests.support.smtp_server import SmtpServer


def quiet(answer: Answer) -> Answer:
    """The answer, which must hold no secret."""
    assert CANARY not in answer.stdout + answer.stderr
    return answer


@pytest.mark.parametrize("provider", ["google", "microsoft"])
def test_a_login_in_the_browser_is_kept_and_the_campaign_goes_out(
    provider: str, tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = user_at_the_browser(monkeypatch)
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, provider=provider)
        before = quiet(project.mailrunner("run", "spring", "--yes"))
        assert (before.code, "mailrunner login club" in before.stderr) == (78, True)
        answer = quiet(project.mailrunner("login", "club"))
        assert answer.code == 0, answer.stderr
        assert f"club ({oauth.user}): logged in" in answer.stdout
        assert "campaigns can be sent" in answer.stdout
        assert quiet(project.mailrunner("run", "spring", "--yes")).code == 0
        assert len(smtp.accepted) == 1
    [asked] = [parse_qs(urlsplit(page).query) for page in pages]
    assert asked["login_hint"] == [oauth.user]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked.get("prompt") == (["consent"] if provider == "google" else None)
    [file] = token_folder.glob("*.json")
    assert CANARY in file.read_text()
    for name, octets in project.texts().items():
        assert CANARY.encode() not in octets or name in (
            "mailrunner.toml",
            f"state/mailrunner/tokens/{file.name}",
        )


def test_imap_is_tried_as_well(tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_at_the_browser(monkeypatch)
    with (
        OAuthServer() as oauth,
        SmtpServer(bearer=oauth.is_valid) as smtp,
        TokenImapServer(f"{oauth.url}/introspect") as imap,
    ):
        project = token_project(tmp_path, oauth, port=smtp.port, imap_port=imap.port)
        answer = quiet(project.mailrunner("login", "club"))
        assert "the Sent folder can be read" in answer.stdout
        assert quiet(project.mailrunner("inbox")).code == 0


def test_a_forged_redirect_is_answered_and_not_taken(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_flows, "_TIMEOUT", 1.0)
    user_at_the_browser(monkeypatch)
    with OAuthServer(consent="forge") as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        answer = quiet(token_project(tmp_path, oauth, port=smtp.port).mailrunner("login", "club"))
        assert (answer.code, "was not agreed to" in answer.stderr) == (75, True)
        assert not [form for path, form in oauth.forms if path.endswith("token")]
    assert not list(token_folder.glob("*.json"))


def test_a_user_who_does_not_agree_ends_the_login(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    with OAuthServer(consent="deny") as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        answer = quiet(token_project(tmp_path, oauth, port=smtp.port).mailrunner("login", "club"))
        assert (answer.code, "it was not allowed" in answer.stderr) == (77, True)


def test_another_google_account_is_refused_and_a_shared_mailbox_of_microsofts_is_not(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        for provider, code, words in (
            ("google", 78, "has signed in, but"),
            ("microsoft", 77, "shared with that"),
        ):
            project = token_project(tmp_path, oauth, port=smtp.port, provider=provider)
            file = tmp_path / "mailrunner.toml"
            file.write_text(file.read_text().replace('user = "ana@', 'user = "office@'))
            answer = quiet(project.mailrunner("login", "club"))
            assert (answer.code, words in answer.stderr) == (code, True), answer.stderr


def test_a_login_that_google_will_end_says_when(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    with OAuthServer(refresh_token_expires_in=604_799) as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, provider="google")
        assert "status Testing" in quiet(project.mailrunner("login", "club")).stdout
        shown = quiet(project.mailrunner("login", "club", "--show"))
        assert (shown.code, "status Testing" in shown.stdout, oauth.user in shown.stdout) == (0, True, True)
        checked = quiet(project.mailrunner("check", "spring"))
        assert "status Testing" in checked.stdout


def test_a_code_for_another_device_is_microsofts_alone(tmp_path: Path, token_folder: Path) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, provider="google")
        answer = quiet(project.mailrunner("login", "club", "--device"))
        assert (answer.code, "--paste" in answer.stderr) == (78, True)


def test_an_address_is_pasted_where_no_browser_is(tmp_path: Path, token_folder: Path) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        token_project(tmp_path, oauth, port=smtp.port)
        command = [sys.executable, "-m", "mailrunner", "login", "club", "--paste"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as child:
            assert child.stdin
            assert child.stderr
            assert child.stdout
            assert "Open this page" in child.stderr.readline()
            page = child.stderr.readline().strip()
            address = httpx.get(page).headers["Location"]
            child.stdin.write(f"what?\n{address.replace('state=', 'state=x')}\n{address}\n")
            child.stdin.close()
            said, result = child.stderr.read(), child.stdout.read()
        assert child.returncode == 0, said
        assert "this is not the address" in said
        assert "of another login" in said
        assert "logged in" in result
        assert CANARY not in said + result


def test_a_grant_without_a_user_is_tried_at_once(tmp_path: Path, token_folder: Path) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, flow="client-credentials")
        file = tmp_path / "mailrunner.toml"
        file.write_text(
            file.read_text() + 'client_secret = "client-secret-canary7f3a"\ntenant = "club.org"\n'
        )
        answer = quiet(project.mailrunner("login", "club"))
        assert (answer.code, "campaigns can be sent" in answer.stdout) == (0, True), answer.stderr


def test_a_refused_login_stops_the_account_until_the_next_login(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    rows = ("bob@example.org,Bob", "eva@example.org,Eva")
    with OAuthServer(expires_in=1) as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, rows=rows)
        assert project.mailrunner("login", "club").code == 0
        oauth.revoke_all()
        monkeypatch.setattr("mailrunner.transports.oauth.token.AccessToken.is_due", lambda *_: True)
        first = quiet(project.mailrunner("run", "spring", "--yes"))
        assert (first.code, "mailrunner login club" in first.stderr + first.stdout) == (77, True)
        asked = len(oauth.forms)
        assert quiet(project.mailrunner("run", "spring", "--yes")).code == 77
        assert len(oauth.forms) == asked  # sticky: no server is asked again
        assert project.mailrunner("login", "club").code == 0
        last = quiet(project.mailrunner("run", "spring", "--yes"))
        assert (last.code, len(smtp.accepted)) == (0, 2), last.stderr


def test_logout_revokes_and_forgets_or_says_what_it_could_not(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, provider="google")
        project.mailrunner("login", "club")
        oauth.faults["revoke"] = [(503, {})]
        busy = quiet(project.mailrunner("logout", "club"))
        assert (busy.code, "nothing was forgotten" in busy.stderr, len(oauth.refresh)) == (75, True, 1)
        done = quiet(project.mailrunner("logout", "club"))
        assert (done.code, "revoked and forgotten" in done.stdout, oauth.refresh) == (0, True, {})
        assert not list(token_folder.glob("*.json"))
        assert "it was not logged in" in project.mailrunner("logout", "club").stdout
        project = token_project(tmp_path, oauth, port=smtp.port, provider="microsoft")
        project.mailrunner("login", "club")
        assert "https://myapps.microsoft.com" in quiet(project.mailrunner("logout", "club")).stdout
        assert not list(token_folder.glob("*.json"))


def test_an_account_with_a_password_needs_no_login(tmp_path: Path) -> None:
    project = Project(tmp_path).write(rows=["bob@example.org,Bob"])
    for command in ("login", "logout"):
        answer = project.mailrunner(command, "relay")
        assert (answer.code, "logs in without OAuth" in answer.stderr) == (78, True)


def test_a_run_by_password_imports_nothing_of_oauth(tmp_path: Path) -> None:
    code = (
        "import sys; from mailrunner.cli import commands\n"
        "try: commands()(['run', 'spring', '--yes'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(*sorted(set(sys.modules) & {'authlib', 'httpx', 'h11', 'cryptography', 'dns'}))"
    )
    with SmtpServer(auth=("ana", "right")) as smtp:
        project = Project(tmp_path)
        project.write_account(port=smtp.port, limits="", account='user = "ana"\npassword = "right"')
        project.add_campaign("spring", rows=["bob@example.org,Bob"])
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, ""), done.stderr
        assert len(smtp.accepted) == 1


def test_a_login_for_an_http_api_is_tried_there_and_not_by_smtp(
    tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    with OAuthServer(user="ana@gmail.com") as oauth, HttpApiServer("gmail") as api:
        project = Project(tmp_path)
        keys = f'provider = "gmail"\nvia = "api"\nurl = "{api.url}"\nuser = "{oauth.user}"\nlogin = "oauth"\n'
        imap = 'imap = { host = "127.0.0.1", port = 1, tls = "none" }\n'
        table = f"{keys}{imap}[accounts.club.oauth]\n{oauth.table('google')}"
        project.put("mailrunner.toml", f"[accounts.club]\n{table}")
        answer = quiet(project.mailrunner("login", "club"))
    assert (answer.code, "is reached" in answer.stdout) == (0, True), answer.stderr
    assert "reading the mailbox does not" in answer.stderr


@pytest.mark.parametrize("fault", ["", "revoked", "garbage", "refused by the mail server", "preview"])
def test_no_secret_stands_in_anything_that_a_run_says_or_writes(
    fault: str, tmp_path: Path, token_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_at_the_browser(monkeypatch)
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as smtp:
        project = token_project(tmp_path, oauth, port=smtp.port, provider="google")
        assert project.mailrunner("login", "club").code == 0
        if fault == "refused by the mail server":
            oauth.access.clear()
        elif fault:
            monkeypatch.setattr("mailrunner.transports.oauth.token.AccessToken.is_due", lambda *_: True)
            told = error("invalid_grant", " ".join(oauth.refresh))
            oauth.faults["token"] = [told if fault == "revoked" else (200, " ".join(oauth.refresh).encode())]
        words = ("preview", "spring") if fault == "preview" else ("run", "spring", "--yes", "--json")
        quiet(project.mailrunner(*words, "--log-json", str(tmp_path / "events.jsonl")))
        for command in (("status", "spring", "--json"), ("report", "spring"), ("quota", "--json")):
            quiet(project.mailrunner(*command))
        holding = {name for name, octets in project.texts().items() if CANARY.encode() in octets}
        assert holding == {
            "mailrunner.toml",
            f"state/mailrunner/tokens/{next(token_folder.glob('*.json')).name}",
        }
