"""The doctor against planted faults of DNS, TLS, ports, login, one-click address and clock: each is found."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailrunner.config.account import Account
from mailrunner.rendering.dkim import load_key, make_key
from mailrunner.sending.doctor import dns_lookup, questions
from mailrunner.sending.doctor.bulk_rules import rules_table
from mailrunner.sending.doctor.dns_lookup import DnsAnswer, DnsState
from mailrunner.sending.doctor.examination import Examination
from mailrunner.sending.doctor.facts import Facts, ServerFound
from mailrunner.sending.doctor.finding import Finding, Level
from mailrunner.sending.doctor.own_relay import relay_check
from tests.support.clocks import START, ManualClock
from tests.support.dns_server import DnsServer
from tests.support.http_api_server import HttpApiServer
from tests.support.http_apis import KEY, READ, ses_account
from tests.support.patience import PATIENCE
from tests.support.project_toml import account_of
from tests.support.smtp_server import Rule, SmtpServer, reply

SOUND = {
    ("club.org", "TXT"): ['"v=spf1 include:_spf.google.com ~all"'],
    ("_spf.google.com", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"'],
    ("google._domainkey.club.org", "TXT"): [f'"v=DKIM1; k=rsa; p={"A" * 200}" "{"A" * 192}"'],
    ("_dmarc.club.org", "TXT"): ['"v=DMARC1; p=none; rua=mailto:a@club.org"'],
    ("club.org", "MX"): ["10 mx.club.org."],
}

FORM = b'<h1>Leave?</h1><FORM method="post"><button>Leave</button></form>'


class Web:
    """A web server that answers POST with `post`, GET with `page`, and says that the time is `date`."""

    def __init__(
        self, post: int = 200, ahead: timedelta = timedelta(0), get: int = 200, page: bytes = FORM
    ) -> None:
        self.get, self.page = get, page
        self.post, self.date = post, format_datetime(START + ahead, usegmt=True)
        self.bodies: list[bytes] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                web.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self._say(web.post)

            def do_GET(self) -> None:
                self._say(web.get, web.page)

            def do_HEAD(self) -> None:
                self._say(204)

            def _say(self, status: int, page: bytes = b"") -> None:
                self.send_response_only(status)
                self.send_header("Date", web.date)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


def google_account(folder: Path, server: SmtpServer, *, word: str = "right") -> Account:
    ca_file = f'ca_file = "{server.ca_file}"' if server.ca_file else ""
    return account_of(
        folder,
        'provider = "google-workspace"',
        'host = "127.0.0.1"',
        f"port = {server.port}",
        f'tls = "{server.tls}"',
        ca_file,
        'user = "ana@club.org"',
        f'password = "{word}"',
    )


def examined(
    account: Account,
    zone: dict[tuple[str, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    web: Web | None = None,
    seconds: float = PATIENCE,
    bounce: str = "",
    clock: ManualClock | None = None,
) -> list[Finding]:
    clock = clock or ManualClock()
    web = web or Web(ahead=clock.now() - START)
    with DnsServer(zone) as server, web.serving() as url:
        server.use(monkeypatch)
        return Examination(
            account=account,
            clock=clock,
            from_domains=("club.org",),
            bounce_domain=bounce,
            click_url=lambda: f"{url}/u/token",
            time_servers=(url,),
            other_servers=(),
            until=time.monotonic() + seconds,
        ).findings()


def graves(findings: list[Finding]) -> dict[str, str]:
    """Faults and warnings, by check."""
    found: dict[str, str] = {}
    for finding in findings:
        if finding.level in (Level.FAULT, Level.WARNING):
            found[finding.check] = f"{found.get(finding.check, '')} {finding.what} {finding.remedy}"
    return found


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        web = Web()
        found = examined(google_account(tmp_path, server), SOUND, monkeypatch, web=web)
    assert set(graves(found)) == {"one-click"}  # of the test's own: it is no https
    assert {f.check for f in found if f.level is Level.OK} >= {
        "name", "port", "tls", "login", "spf", "dkim", "dmarc", "mx", "one-click", "clock",
    }  # fmt: skip
    assert web.bodies == [b"List-Unsubscribe=One-Click"]
    assert not [f for f in found if f.level is Level.UNKNOWN]
    rules = {each.rule: each.answer for each in rules_table(found)}
    assert {rules[name] for name in ("an SPF record", "SPF or DKIM agrees with From")} == {"met"}
    assert rules["unsubscribing with one click"] == "not met"
    assert [rule for rule, answer in rules.items() if answer == "cannot be known"] == [
        "the fields for one click are signed",
        "a name for the sending address, and back",
        "fewer than 3 complaints in a thousand (look at Google's Postmaster Tools)",
    ]
    assert "token" not in str(found)


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({("club.org", "TXT"): []}, "spf", "has no SPF record"),
        ({("club.org", "TXT"): ['"v=spf1 -all"', '"v=spf1 ~all"']}, "spf", "counts as none"),
        ({("club.org", "TXT"): ['"v=spf1 ip4:192.0.2.1 ~all"']}, "spf", "include:_spf.google.com"),
        ({("club.org", "TXT"): ['"v=spf1 include:_spf.google.com +all"']}, "spf", "lets everything through"),
        (
            {("club.org", "TXT"): ['"v=spf1 include:_spf.google.com a:x.y a:y.y a:z.y ~all"']},
            "spf",
            "do not exist",
        ),
        ({("club.org", "TXT"): ['"v=spf1 include:club.org ~all"']}, "spf", "more than 10"),
        ({("google._domainkey.club.org", "TXT"): []}, "dkim", "no DKIM key"),
        ({("google._domainkey.club.org", "TXT"): ['"v=DKIM1; p="']}, "dkim", "revoked"),
        ({("google._domainkey.club.org", "TXT"): ['"v=DKIM1; p=!!"']}, "dkim", "no key that can be read"),
        ({("google._domainkey.club.org", "TXT"): ['"p=AAAA"']}, "dkim", "too short"),
        ({("_dmarc.club.org", "TXT"): []}, "dmarc", "no DMARC record"),
        (
            {("_dmarc.club.org", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']},
            "dmarc",
            "counts as none",
        ),
        ({("_dmarc.club.org", "TXT"): ['"v=DMARC1; p=sometimes"']}, "dmarc", "no valid policy"),
        ({("club.org", "MX"): []}, "mx", "takes no mail"),
        ({("club.org", "MX"): ["0 ."]}, "mx", "null MX"),
        ({("club.org", "MX"): [], ("club.org", "A"): ["192.0.2.7"]}, "mx", "only an address"),
    ],
)
def test_each_fault_of_dns_is_found_and_none_beside_it(
    changes: dict[tuple[str, str], list[str]],
    check: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        found = graves(examined(google_account(tmp_path, server), {**SOUND, **changes}, monkeypatch))
    assert words in found[check]
    assert set(found) <= {check, "one-click"}


def relay_lines(server: SmtpServer) -> tuple[str, ...]:
    return 'provider = "smtp"', 'host = "127.0.0.1"', f"port = {server.port}", 'tls = "none"'


def test_the_keys_of_an_own_relay_are_compared_with_dns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dkim.pem").write_bytes(make_key(ed25519=True))
    record = load_key("club.org", "mr", tmp_path / "dkim.pem").record()
    place = ("mr._domainkey.club.org", "TXT")
    with SmtpServer() as server:
        dkim = 'dkim = { domain = "club.org", selector = "mr", key_file = "dkim.pem" }'
        account = account_of(tmp_path, *relay_lines(server), 'limits = ["9/24h"]', dkim)
        for values, words in (
            ([f'"{record}"'], ""),
            ([], "there is no record"),
            (['"v=DKIM1; k=ed25519; p=AAAA"'], "holds another key"),
            ([f'"{record}"', '"v=DKIM1; p=x"'], "more than one record"),
        ):
            found = examined(account, {**SOUND, place: values}, monkeypatch)
            assert words in graves(found).get("dkim", "")
            assert set(graves(found)) == {"one-click"} | ({"dkim"} if words else set())
        assert any(f.check == "alignment" and f.level is Level.OK for f in found)
        foreign = {
            **SOUND,
            ("_dmarc.club.org", "TXT"): ['"v=DMARC1; p=none; adkim=s; rua=mailto:a@club.org"'],
        }
        table = dkim.replace("club.org", "mail.club.org")
        other = account_of(tmp_path, *relay_lines(server), 'limits = ["9/24h"]', table)
        zone = {**foreign, ("mr._domainkey.mail.club.org", "TXT"): [f'"{record}"']}
        assert "but From is of club.org" in graves(examined(other, zone, monkeypatch))["alignment"]


def test_the_bounce_address_is_asked_for_what_concerns_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No DKIM and no DMARC: SPF is asked of its domain, and bounces have to arrive there."""
    bounce = {
        ("b.club.org", "TXT"): ['"v=spf1 include:_spf.google.com ~all"'],
        ("b.club.org", "MX"): ["10 mx.club.org."],
    }
    own = {("club.org", "TXT"): ['"v=spf1 ~all"']}
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        account = google_account(tmp_path, server)
        sound = {**SOUND, **own, **bounce}
        assert set(graves(examined(account, sound, monkeypatch, bounce="b.club.org"))) == {"one-click"}
        deaf = {**sound, ("b.club.org", "MX"): []}
        assert (
            "b.club.org takes no mail"
            in graves(examined(account, deaf, monkeypatch, bounce="b.club.org"))["mx"]
        )
        strange = {**sound, ("b.club.org", "TXT"): ['"v=spf1 ~all"']}
        assert "include:_spf" in graves(examined(account, strange, monkeypatch, bounce="b.club.org"))["spf"]


def test_a_sender_of_another_organization_than_the_accounts_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(auth=("ana@other.org", "right"), tls="starttls") as server:
        lines = google_account(tmp_path, server)
        account = replace(lines, user="ana@other.org")
        found = graves(examined(account, SOUND, monkeypatch))
    assert "the account of other.org" in found["alignment"]
    assert set(found) == {"alignment", "one-click"}


def test_a_wrong_password_and_a_certificate_that_is_not_trusted_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="implicit") as server:
        account = google_account(tmp_path, server, word="canarywrong")
        found = examined(account, SOUND, monkeypatch)
        assert "535" in next(f.evidence for f in found if f.check == "login" and f.level is Level.FAULT)
        assert "canarywrong" not in str(found)
        untrusting = account_of(
            tmp_path, 'provider = "google-workspace"', 'host = "127.0.0.1"', f"port = {server.port}",
            'tls = "implicit"', 'user = "ana@club.org"', 'password = "right"',
        )  # fmt: skip
        assert "not to be trusted" in graves(examined(untrusting, SOUND, monkeypatch))["tls"]


@pytest.mark.parametrize(
    ("names", "days", "level", "words"),
    [
        (("127.0.0.1",), 400, None, ""),
        (("127.0.0.1",), 5, Level.WARNING, "certificate ends on"),
        (("127.0.0.1",), -3, Level.FAULT, "expired"),
        (("mail.example.net",), 400, Level.FAULT, "not valid for"),
    ],
)
def test_each_fault_of_a_certificate_is_found(
    names: tuple[str, ...],
    days: int,
    level: Level | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority, clock = trustme.CA(), ManualClock(datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=clock.now() + timedelta(days=days)).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    server = SmtpServer(auth=("ana@club.org", "right"), tls="implicit")
    server.context = context
    with server:
        account = replace(google_account(tmp_path, server), ca_file=tmp_path / "authority.pem")
        found = examined(account, SOUND, monkeypatch, clock=clock)
    told = [f for f in found if f.check == "tls" and f.level is not Level.OK]
    assert [f.level for f in told] == ([level] if level else [])
    assert words in " ".join(f.what for f in told)


def test_a_server_without_starttls_is_a_fault_of_its_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer() as server:
        account = replace(google_account(tmp_path, server), tls="starttls")
        found = graves(examined(account, SOUND, monkeypatch))
    assert "STARTTLS" in found["tls"]


def test_a_server_that_is_away_has_no_fault_of_its_tls_and_its_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(tls="starttls") as server:
        account = google_account(tmp_path, server)
    found = examined(account, SOUND, monkeypatch)
    assert set(graves(found)) == {"port", "one-click"}
    assert {each.answer for each in rules_table(found) if each.rule.startswith("TLS")} == {"cannot be known"}


def test_a_server_that_is_busy_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [Rule("auth", reply(454, "4.7.0 try later"))]
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls", rules=rules) as server:
        found = examined(google_account(tmp_path, server), SOUND, monkeypatch)
    assert [f.level for f in found if f.check == "login"] == [Level.WARNING]


def test_a_port_on_which_no_server_listens_is_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer() as server:
        account = google_account(tmp_path, server)
    found = graves(examined(account, SOUND, monkeypatch))
    assert "refuses connections" in found["port"]


@pytest.mark.parametrize(("post", "words"), [(302, "redirects"), (500, "answers 500"), (404, "answers 404")])
def test_a_one_click_address_that_does_not_answer_as_it_must_is_found(
    post: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        found = examined(google_account(tmp_path, server), SOUND, monkeypatch, web=Web(post=post))
    assert any(words in f.what for f in found if f.check == "one-click" and f.level is Level.FAULT)


@pytest.mark.parametrize("get", [302, 404, 500])
def test_a_link_that_shows_recipients_no_page_is_found(
    get: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        found = examined(google_account(tmp_path, server), SOUND, monkeypatch, web=Web(get=get))
    assert any("(GET) at" in f.what and f"answers {get}" in f.what for f in found)


def test_a_page_that_asks_nothing_may_unsubscribe_whoever_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        web = Web(page=b"You are unsubscribed.")
        found = examined(google_account(tmp_path, server), SOUND, monkeypatch, web=web)
        assert any("has no button" in f.what for f in found if f.level is Level.WARNING)
        asking = examined(google_account(tmp_path, server), SOUND, monkeypatch)
    assert not any("has no button" in f.what for f in asking)


@pytest.mark.parametrize(("hours", "words"), [(-1, "60 minutes ahead"), (2, "120 minutes behind")])
def test_a_wrong_clock_is_found(
    hours: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        web = Web(ahead=timedelta(hours=hours))
        assert (
            words in graves(examined(google_account(tmp_path, server), SOUND, monkeypatch, web=web))["clock"]
        )


def test_name_servers_that_are_dead_hold_nothing_up_and_invent_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()

    def never(name: str, kind: str) -> DnsAnswer:
        held.wait(PATIENCE)
        return DnsAnswer(DnsState.UNANSWERED)

    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server, Web().serving() as url:
        examination = Examination(
            account=google_account(tmp_path, server),
            clock=ManualClock(),
            from_domains=("club.org",),
            click_url=None,
            ask=never,
            time_servers=(url,),
            until=time.monotonic(),
        )
        answered = [each for (part, _), each in examination._asked.items() if part != "domain"]
        assert not wait(answered, timeout=PATIENCE).not_done
        found = examination.findings()
        held.set()
    assert {f.check for f in found if f.level is Level.UNKNOWN} == {"domain"}
    assert "domain" not in graves(found)


def test_an_own_relay_without_reverse_dns_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "addresses", lambda _: ("192.0.2.9", "192.0.2.10", "192.0.2.11"))
    zone = {
        ("10.2.0.192.in-addr.arpa", "PTR"): ["mail.club.org."],
        ("mail.club.org", "A"): ["192.0.2.10"],
        ("11.2.0.192.in-addr.arpa", "PTR"): ["mail.club.org."],
    }
    with DnsServer(zone) as server:
        server.use(monkeypatch)
        found = questions.reverse("mail.club.org", dns_lookup.ask)
    states = {address: (answer.state, leads_back) for address, (answer, leads_back) in found.items()}
    assert states == {
        "192.0.2.9": (DnsState.NOTHING, False),
        "192.0.2.10": (DnsState.FOUND, True),
        "192.0.2.11": (DnsState.FOUND, False),
    }


@pytest.mark.parametrize(
    ("greeting", "answer", "words"),
    [
        ("mail.club.org", DnsAnswer(DnsState.FOUND, ("192.0.2.10",)), ""),
        ("mail.club.org", DnsAnswer(DnsState.NOTHING), "has no address in DNS"),
        ("localhost", None, "no full name"),
        ("", None, "no full name"),
    ],
)
def test_the_name_by_which_an_own_relay_greets_is_looked_at(
    greeting: str, answer: DnsAnswer | None, words: str, tmp_path: Path
) -> None:
    account = account_of(
        tmp_path, 'provider = "smtp"', 'host = "mail.club.org"', 'tls = "starttls"', "port = 25"
    )
    known = {"192.0.2.10": (DnsAnswer(DnsState.FOUND, ("mail.club.org",)), True)}
    facts = Facts(
        account=account,
        now=START,
        addresses=("192.0.2.10",),
        ports={25: "open"},
        server=ServerFound(greeting_name=greeting, greeting_address=answer),
        quota=None,
        login=None,
        domains={},
        reverse=known,
        click=None,
        ahead={},
    )
    assert words in graves(list(relay_check(facts))).get("relay", "")
    assert bool(graves(list(relay_check(facts)))) is bool(words)


def test_what_others_say_stands_on_one_line_of_bounded_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = ['"v=DMARC1; p=none; rua=x\\010\\027[2J  ok" "' + '" "'.join("x" * 200 for _ in range(20)) + '"']
    with SmtpServer(auth=("ana@club.org", "right"), tls="starttls") as server:
        zone = {**SOUND, ("_dmarc.club.org", "TXT"): forged}
        found = examined(google_account(tmp_path, server), zone, monkeypatch)
    assert any("rua=x" in f.evidence for f in found)
    assert all(
        text.isprintable() and len(text) <= 600 for f in found for text in (f.what, f.evidence, f.remedy)
    )


def test_an_account_of_an_http_api_is_examined_by_its_own_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {**SOUND, ("s1._domainkey.club.org", "TXT"): ['"v=DKIM1; k=ed25519; p=AAAA"']}
    with HttpApiServer("sendgrid") as api:
        account = account_of(tmp_path, api.account_lines())
        found = examined(account, zone, monkeypatch)
    assert set(graves(found)) == {"one-click"}
    assert [f.level for f in found if f.check == "login"] == [Level.OK]
    away = graves(examined(account, zone, monkeypatch))
    assert "refuse" in away["port"]
    assert set(away) == {"port", "one-click"}


def test_limits_are_told_as_the_provider_tells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpApiServer("ses") as api:
        api.account = ses_account(day=50_000, rate=14, sent=1)
        account = account_of(tmp_path, api.account_lines())
        found = examined(account, {}, monkeypatch)
        assert any(
            "allows 50000/24h, 14/second" in f.what.replace(",0", "0") for f in found if f.check == "quota"
        )
        api.account = (403, {}, b"{}")
        refused = [f for f in examined(account, {}, monkeypatch) if f.check == "quota"]
    assert refused[0].level in (Level.UNKNOWN, Level.OK)


@pytest.mark.parametrize("preset", [name for name in READ if name not in ("gmail", "microsoft365")])
def test_a_key_is_proved_without_a_message(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpApiServer(preset) as api:
        right = account_of(tmp_path, api.account_lines())
        wrong = account_of(tmp_path, api.account_lines().replace(KEY, "another-canary"))
        good, bad = (
            [f for f in examined(each, {}, monkeypatch) if f.check == "login"] for each in (right, wrong)
        )
    assert [f.level for f in good] == [Level.OK], good
    assert [f.level for f in bad] == [Level.FAULT], bad
    assert api.accepted == [] and api.problems == []
    assert "canary" not in str(good) + str(bad)


def test_a_token_is_proved_at_gmail_and_a_page_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpApiServer("mailgun") as api:
        account = account_of(tmp_path, api.account_lines())
        for answer, level in (
            ((403, {"Content-Type": "text/html"}, b"<html>blocked</html>"), Level.WARNING),
            ((503, {}, b""), Level.UNKNOWN),
            ((404, {}, {"message": "Domain not found: mg.example.org"}), Level.FAULT),
        ):
            api.others = lambda _, answer=answer: answer  # type: ignore[misc]
            [found] = [f for f in examined(account, {}, monkeypatch) if f.check == "login"]
            assert found.level is level, found


def test_an_account_without_a_known_limit_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer() as server:
        account = account_of(
            tmp_path, 'provider = "smtp"', 'host = "127.0.0.1"', f"port = {server.port}", 'tls = "none"'
        )
        assert "no limit is known" in graves(examined(account, {}, monkeypatch))["quota"]
