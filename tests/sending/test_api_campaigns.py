"""Campaigns over a faithful fake of each HTTP API: counts are exact whatever the server does."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.clock import nap
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.api_limits import ToldLimits
from mailrunner.sending.prepared_campaign import PreparedCampaign, digest
from mailrunner.sending.run import Callbacks
from tests.support.api_campaigns import ApiCampaign
from tests.support.campaigns import LETTER, people
from tests.support.connect_proxy import ConnectProxy
from tests.support.http_api_server import (
    Exchange,
    Fault,
    HttpApiServer,
    answer,
    chunked,
    cut,
    fault_after,
    slowly,
    take_then_cut,
    yes_then_close,
)
from tests.support.http_apis import KEY, QUOTAS, READ, SECRET, Answer, error, ses_account
from tests.support.projects import Project

NUMBER = int(os.environ.get("API_RECIPIENTS", "200"))  # `make apis` takes 600
FAULTS = (
    Fault(answer(429, Retry_After="2"), nth=20),  # before there is a doubt that is asked about again
    Fault(answer(429), nth=21),
    Fault(cut(), at="head", every=37),
    Fault(cut(reset=True), at="body", every=31),
    Fault(cut(), every=41),
    Fault(take_then_cut(), every=43),
    Fault(fault_after(500, takes=True), every=47),
    Fault(fault_after(503, takes=False), every=53),
    Fault(yes_then_close(), every=17),
    Fault(slowly(), every=59),
    Fault(chunked(), every=7),
)


@pytest.mark.parametrize("preset", READ)
def test_a_campaign_over_an_api_that_fails_in_every_way_keeps_exact_counts(
    preset: str, tmp_path: Path
) -> None:
    with HttpApiServer(preset, faults=FAULTS) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(NUMBER))
        counts = campaign.run_to_the_end().counts
        states, copies = campaign.states(), campaign.copies()
    assert server.problems == []
    assert set(copies.values()) == {1}
    assert counts.sent + counts.in_doubt == NUMBER
    assert all(copies[address] == 1 for address, state in states.items() if state == "sent")
    doubts = {address for address, state in states.items() if state == "in_doubt"}
    if preset == "resend":  # repeats under the same key say what had become of the first try
        assert doubts == set()
    else:
        assert set(server.doubtful) <= doubts
        assert 10 < len(doubts) <= len(server.doubtful) + server.cut_early


@pytest.mark.parametrize("preset", READ)
def test_a_refused_recipient_is_told_at_once_where_the_api_tells_it(preset: str, tmp_path: Path) -> None:
    known = {
        "gmail": (400, "invalidArgument", "Invalid To header"),
        "microsoft365": (400, "ErrorInvalidRecipients", "At least one recipient is not valid."),
        "ses": (400, "BadRequestException", "Missing final @domain"),
        "mailgun": (400, "", "to parameter is not a valid address. please check documentation"),
        "mandrill": (200, "rejected", "hard-bounce"),
        "smtp2go": (200, "failed=1", "550 mailbox unknown"),
        "sparkpost": (200, "2000", "transmission created, but with validation errors"),
        "postmark": (422, "406", "You tried to send to recipient(s) that have been marked as inactive"),
        "sendgrid": (400, "personalizations.0.to.0.email", "Does not contain a valid address."),
        "brevo": (400, "invalid_parameter", "email is not valid in to"),
        "resend": (422, "validation_error", "Invalid `to` field."),
        "mailjet": (400, "mj-0013", '"x" is an invalid email address. To[0].Email'),
        "mailtrap": (400, "", "'to' address is invalid"),
    }
    refusal = error(preset, *known[preset])
    fault = Fault(lambda each: each.answer(refusal), recipient="person3@example.org")
    with HttpApiServer(preset, faults=[fault]) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(8), connections=1)
        counts = campaign.run_to_the_end().counts
    assert (counts.sent, counts.failed, counts.in_doubt) == (7, 1, 0)
    assert campaign.states()["person3@example.org"] == "failed"
    assert server.problems == []


def test_a_campaign_of_an_older_version_goes_on_with_its_account(tmp_path: Path) -> None:
    """Its content knows the account by an identity of that time, and so does its row."""
    with HttpApiServer("sendgrid") as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(9), connections=1)
        job = PreparedCampaign.prepare(*load_campaign(tmp_path, "spring", {}))
        assert campaign.run(limit=3).sent_now == 3
        with campaign.inner.ledger() as ledger:
            record = ledger.campaigns.find("spring")
            assert record is not None
            old = ledger.accounts.ensure(job.account.former_identity)
            content = {**record.content, "account": digest(job.account.former_identity)}
            ledger.campaigns.accept(
                record.no, content=json.dumps(content), content_digest="old", account_no=old.no
            )
        counts = campaign.run_to_the_end().counts
        with campaign.inner.ledger() as ledger:
            record = ledger.campaigns.find("spring")
            owner = ledger.accounts.find(job.account.identity)
    assert counts.sent == 9
    assert record is not None and owner is not None and record.account_no == owner.no


@pytest.mark.parametrize(
    ("told", "limits", "sent"),
    [
        ({"day": 5.0}, "", 5),
        ({"day": 50.0, "sent": 46.0}, "", 4),
        ({"day": 1000.0}, 'limits = ["3/24h"]', 3),
        ({"day": 8.0}, 'limits = ["unlimited/24h"]', 8),
    ],
)
def test_the_limits_that_amazon_tells_lower_those_of_the_account(
    told: dict[str, float], limits: str, sent: int, tmp_path: Path
) -> None:
    with HttpApiServer("ses") as server:
        server.account = ses_account(**told)
        campaign = ApiCampaign(tmp_path, server).write(csv=people(20), connections=1)
        file = tmp_path / "mailrunner.toml"
        lines = [line for line in file.read_text().splitlines() if not line.startswith("limits")]
        file.write_text("\n".join([*lines, limits]))
        result = campaign.run()
    assert (result.sent_now, result.wait.reason) == (sent, WaitReason.QUOTA)
    assert len(server.accepted) == sent


def plans(**credits_of: float) -> dict[str, object]:
    """Brevo's account with these plans."""
    return {"plan": [{"type": name, "credits": number} for name, number in credits_of.items()]}


USAGE = {"day": {"used": 90, "limit": 99}, "month": {"used": 90, "limit": 1000}}


@pytest.mark.parametrize(
    ("preset", "answer", "left", "words"),
    [
        ("brevo", plans(sms=9, free=4), 4, "4 recipients left this day"),
        ("brevo", plans(payAsYouGo=2.0, subscription=3, free=9), 5, "5 recipients left this month"),
        ("sendgrid", {"remain": 6, "total": 99, "reset_frequency": "daily"}, 6, "6 recipients of 99 left"),
        ("sendgrid", {"remain": 6, "reset_frequency": "monthly"}, None, "more may be charged"),
        ("smtp2go", {"data": {"cycle_remaining": 6, "cycle_max": 9}}, None, "6 recipients of 9 left"),
        ("mandrill", {"hourly_quota": 7}, 7, "allows 7/1h"),
        ("mailgun", {"limit": 30, "current": 22}, 8, "8 recipients of 30 left this month"),
        ("sparkpost", {"results": {"usage": USAGE}}, 9, "9 recipients of 99 left this day, 910 recipients"),
    ],
)
def test_what_a_provider_has_left_lowers_the_limits_of_the_account(
    preset: str, answer: dict[str, object], left: int | None, words: str, tmp_path: Path
) -> None:
    with HttpApiServer(preset) as server:
        server.account = (200, {}, answer)
        campaign = ApiCampaign(tmp_path, server).write(csv=people(20), connections=1)
        result = campaign.run()
        with campaign.inner.ledger() as ledger:
            [fact] = ledger.accounts.learned(campaign.inner.account().identity)
    assert server.problems == []
    assert result.sent_now == (20 if left is None else left)
    assert len(server.accepted) == result.sent_now
    assert words in fact.sentence


def test_what_was_sent_before_the_providers_month_began_takes_nothing_of_it(tmp_path: Path) -> None:
    """Its cycle began anew after twelve messages of our own month: what it has left is ours to send."""
    with HttpApiServer("brevo") as server:
        server.account = (200, {}, {"plan": [{"type": "subscription", "credits": 12}]})
        campaign = ApiCampaign(tmp_path, server).write(csv=people(20), connections=1)
        assert campaign.run().sent_now == 12
        assert campaign.run().sent_now == 8


@pytest.mark.parametrize("preset", [name for name in READ if name in QUOTAS and name != "ses"])
@pytest.mark.parametrize(
    "answer", [(401, {}, {}), (403, {}, b"x"), (200, {}, []), (200, {}, {"plan": 1}), (302, {}, b"")]
)
def test_a_key_that_may_only_send_sends_under_the_limits_of_the_file(
    preset: str, answer: Answer, tmp_path: Path
) -> None:
    with HttpApiServer(preset) as server:
        server.account = answer
        campaign = ApiCampaign(tmp_path, server).write(csv=people(3))
        assert any("does not tell this key" in notice for notice in campaign.run(limit=1).notices) is (
            (preset, answer[2]) != ("mailgun", {"plan": 1})
        )
        file = tmp_path / "mailrunner.toml"
        file.write_text(file.read_text().replace('"unlimited/24h"', '"2/24h"'))
        result = campaign.run()
    assert (result.sent_now, result.notices) == (1, ())


def quota_readings(server: HttpApiServer) -> int:
    return sum(each.path == server.quota_path for each in server.requests)


def test_the_limits_that_amazon_tells_are_read_again_after_an_hour(tmp_path: Path) -> None:
    """A run that began under a thousand a day keeps to thirty once Amazon says so."""
    with HttpApiServer("ses") as server:
        server.account = ses_account(day=1000.0)
        campaign = ApiCampaign(tmp_path, server).write(csv=people(60), connections=1)
        file = tmp_path / "mailrunner.toml"
        file.write_text("\n".join(ln for ln in file.read_text().splitlines() if not ln.startswith("limits")))
        recorded = 0

        def lower(step: str) -> None:
            nonlocal recorded
            recorded += step == "recorded"
            if step != "recorded" or recorded != 5:
                return
            server.account = ses_account(day=30.0)
            for reading in (2, 3):  # when it is read for the third time, the second has been applied
                campaign.clock.turn(timedelta(minutes=61))
                while quota_readings(server) < reading:
                    nap()

        result = campaign.run(callbacks=Callbacks(on_step=lower))
        with campaign.inner.ledger() as ledger:
            [fact] = ledger.accounts.learned(campaign.inner.account().identity)
    assert (result.sent_now, result.wait.reason) == (30, WaitReason.QUOTA)
    assert (fact.name, fact.sentence) == ("quota", "the provider allows 30/24h, 10000/second")


def test_the_limits_are_read_again_once_an_answer_says_that_the_quota_is_used_up(tmp_path: Path) -> None:
    with HttpApiServer("ses") as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(1))
        with campaign.inner.ledger() as ledger:
            told = ToldLimits(campaign.inner.account(), ledger)
            told.begin()
            assert told.again(0) is None
            assert told.again(1) is not None
            assert told.again(1) is None
            server.account = (500, {}, b"")
            assert told.again(2) is None
            assert quota_readings(server) == 3


def test_a_key_that_may_not_read_the_limits_is_said_and_sends(tmp_path: Path) -> None:
    with HttpApiServer("ses") as server:
        server.account = error(
            "ses", 403, "AccessDeniedException", "not authorized to perform ses:GetAccount"
        )
        result = ApiCampaign(tmp_path, server).write(csv=people(5)).run()
    assert result.counts.sent == 5
    assert any("does not tell this key" in notice for notice in result.notices)


def test_a_campaign_goes_out_through_a_proxy_with_a_list_of_hosts_where_nothing_else_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host of the API has no address here, so that the proxy is the one way to it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.mailgun.test").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with HttpApiServer("mailgun", context=context) as server:
        name = f"api.mailgun.test:{server.port}"
        with ConnectProxy(allowed={name}, names={"api.mailgun.test": "127.0.0.1"}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            campaign = ApiCampaign(tmp_path, server).write(
                csv=people(40), account='ca_file = "authority.pem"'
            )
            file = tmp_path / "mailrunner.toml"
            file.write_text(file.read_text().replace(server.url, f"https://{name}"))
            counts = campaign.run_to_the_end().counts
    assert (counts.sent, counts.in_doubt) == (40, 0)
    assert set(proxy.asked) == {name}
    assert set(campaign.copies().values()) == {1}


def test_a_host_that_the_proxy_does_not_let_through_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with HttpApiServer("mailgun") as server, ConnectProxy(allowed=()) as proxy:
        account = f'proxy = "http://127.0.0.1:{proxy.port}"'
        result = ApiCampaign(tmp_path, server).write(csv=people(5), account=account).run()
    assert (result.sent_now, result.wait.reason) == (0, WaitReason.SETUP)
    assert "list of allowed hosts" in result.wait.detail
    assert server.accepted == []


@pytest.mark.parametrize("preset", [name for name in READ if name != "brevo"])
def test_images_and_attachments_arrive_as_they_are(preset: str, tmp_path: Path) -> None:
    image = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
    letter = LETTER.replace("<p>Hello", '<img src="cid:logo.png" alt="us"><p>Hello')
    with HttpApiServer(preset) as server:
        campaign = ApiCampaign(tmp_path, server).write(
            csv="email,name\nana@example.org,Änne „X“ O'Hara\n",
            message='attachments = ["data/Prüfung.pdf"]\nreply_to = "office@example.org"',
            letter=letter,
        )
        (tmp_path / "templates/logo.png").write_bytes(image)
        (tmp_path / "data/Prüfung.pdf").write_bytes(b"%PDF-1.4 " + bytes(range(256)) * 300)
        assert campaign.run().counts.sent == 1
    assert server.problems == []
    [taken] = server.accepted
    assert taken.recipient == "ana@example.org"
    assert "Änne" in taken.html
    if taken.files:
        files = {name: (cid, octets) for name, cid, octets in taken.files}
        assert files["logo.png"] == ("logo.png", image)
        assert files["Prüfung.pdf"] == ("", b"%PDF-1.4 " + bytes(range(256)) * 300)


def test_a_row_that_the_provider_cannot_carry_fails_alone_and_check_says_so(tmp_path: Path) -> None:
    with HttpApiServer("sparkpost") as server:
        campaign = ApiCampaign(tmp_path, server).write(
            csv="email,name\nana@example.org,Ana\nbo@example.org,{{ bo }}\njosé@example.org,José\n"
        )
        checked = Project(tmp_path).mailrunner("check", "spring")
        counts = campaign.run_to_the_end().counts
    assert (counts.sent, counts.failed) == (1, 2)
    assert "SparkPost would take for its own placeholder" in checked.stdout
    assert "which this API cannot carry" in checked.stdout


def test_a_test_goes_to_its_own_recipient_where_the_header_is_the_envelope(tmp_path: Path) -> None:
    with HttpApiServer("gmail") as server:
        ApiCampaign(tmp_path, server).write(csv=people(3))
        answer = Project(tmp_path).mailrunner("send-test", "spring", "--to", "me@example.org")
    assert answer.code == 0, answer.stderr
    assert [taken.recipient for taken in server.accepted] == ["me@example.org"]
    assert "person" not in server.accepted[0].headers["To"]


def test_a_quota_inside_a_200_pauses_the_account_and_the_message_is_sent(tmp_path: Path) -> None:
    def queued(each: Exchange) -> None:
        each.take()
        each.answer(error("mandrill", 200, "queued", "hourly-quota-exhausted"))

    with HttpApiServer("mandrill", faults=[Fault(queued, nth=3)]) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(6), connections=1)
        first = campaign.run()
        counts = campaign.run_to_the_end().counts
    assert (first.sent_now, first.wait.reason) == (3, WaitReason.ACCOUNT_PAUSED)
    assert counts.sent == 6


def test_spent_credits_under_a_401_pause_and_stop_no_credentials(tmp_path: Path) -> None:
    spent = error("sendgrid", 401, "", "Maximum credits exceeded")
    with HttpApiServer("sendgrid", faults=[Fault(lambda each: each.answer(spent), nth=2)]) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(4), connections=1)
        first = campaign.run()
        assert first.wait.reason is WaitReason.ACCOUNT_PAUSED
        campaign.clock.turn(timedelta(days=1))
        assert campaign.run_to_the_end().counts.sent == 4


def test_a_run_by_smtp_loads_nothing_of_the_apis(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.support.campaigns import CampaignInProcess, people\n"
        "from tests.support.smtp_server import SmtpServer\n"
        "before = set(sys.modules)  # the scripted server's own\n"
        "with SmtpServer() as server:\n"
        "    made = CampaignInProcess(Path(sys.argv[1]), server).write(csv=people(3))\n"
        "    assert made.run().counts.sent == 3\n"
        "ours = {name for name in sys.modules if name.startswith('mailrunner')}\n"
        "print(*(set(sys.modules) - before), *ours)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not {"h11", "authlib", "cryptography", "dns"} & loaded
    of_apis = ("mailrunner.transports.http", "mailrunner.transports.apis")
    assert not [name for name in loaded if name.startswith(of_apis)]


@pytest.mark.parametrize("preset", ["mailgun", "mailjet", "mandrill", "sendgrid", "ses"])
def test_no_key_stands_in_what_a_run_writes_whatever_the_server_repeats(preset: str, tmp_path: Path) -> None:
    pair = base64.b64encode(f"api:{KEY}".encode()).decode()
    other = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    repeated = f"wrong {KEY} {SECRET} {quote(KEY)} Basic {pair} Basic {other} for {KEY}"
    refusal = error(preset, 403, "access_denied", repeated)
    with HttpApiServer(preset, faults=[Fault(lambda each: each.answer(refusal), nth=2)]) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(4), connections=1)
        inner = campaign.inner
        inner.log_json = tmp_path / "log.json"
        result = inner.run()
    assert result.wait.reason in (WaitReason.CREDENTIALS, WaitReason.STOPPED)
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    del written[tmp_path / "mailrunner.toml"]
    own = (SECRET,) if preset in ("ses", "mailjet") else ()
    for secret in (KEY, *own, pair, other):
        assert secret not in result.wait.detail
        assert [path for path, octets in written.items() if secret.encode() in octets] == []
