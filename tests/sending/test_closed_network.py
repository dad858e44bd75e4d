"""A campaign where every port for mail is closed, and a proxy with a list of hosts is the only way out."""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.api_campaigns import ApiCampaign
from tests.support.campaigns import people
from tests.support.closed_network import in_closed_network, may_close_network
from tests.support.connect_proxy import ConnectProxy
from tests.support.http_api_server import Fault, HttpApiServer, answer, take_then_cut
from tests.support.projects import Project

pytestmark = pytest.mark.skipif(
    not may_close_network(), reason="this user may not make a network namespace (unshare --net)"
)
HOST = "api.mailgun.test"


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder whose paths are short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mr-") as folder:
        yield Path(folder)


def mailrunner(*words: str) -> list[str]:
    return [sys.executable, "-m", "mailrunner", *words]


def test_the_doctor_tells_a_closed_network_from_a_server_that_is_away(tmp_path: Path, sockets: Path) -> None:
    """No name server, no port, and a proxy that lets the web out: an HTTP API is the way."""
    account = 'provider = "sendgrid"\nhost = "smtp.sendgrid.net"\nport = 587\npassword = "x"'
    Project(tmp_path).put("mailrunner.toml", f"[accounts.relay]\n{account}\n")
    with HttpApiServer("sendgrid") as web:
        allowed = "smtp.sendgrid.net:443"
        names = {allowed: f"127.0.0.1:{web.port}"}
        with ConnectProxy(allowed={allowed}, names=names, path=sockets / "proxy"):
            answer = in_closed_network(sockets / "proxy", mailrunner("doctor", "--json"), tmp_path)
    assert answer.code == 78, answer.stderr
    [account] = json.loads(answer.stdout)["accounts"]
    found = {each["check"]: each for each in account["findings"] if each["level"] == "fault"}
    assert "known to the proxy alone" in found["name"]["what"]
    assert "is blocked here" in found["port"]["what"]
    assert 'via = "api"' in found["port"]["remedy"]
    assert "443 open" in found["port"]["evidence"]
    assert {each["level"] for each in account["findings"] if each["check"] == "clock"} == {"unknown"}


def test_a_campaign_goes_out_by_the_proxy_alone(tmp_path: Path, sockets: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    faults = [Fault(answer(429, Retry_After="1"), nth=20), Fault(take_then_cut(), nth=40)]
    with HttpApiServer("mailgun", context=context, faults=faults) as server:
        name = f"{HOST}:{server.port}"
        campaign = ApiCampaign(tmp_path, server).write(csv=people(60), account='ca_file = "authority.pem"')
        file = tmp_path / "mailrunner.toml"
        file.write_text(file.read_text().replace(server.url, f"https://{name}"))
        path = sockets / "proxy"
        with ConnectProxy(allowed={name}, names={HOST: "127.0.0.1"}, path=path) as proxy:
            ran = in_closed_network(path, mailrunner("run", "spring", "--json"), tmp_path)
            asked = set(proxy.asked)
        with ConnectProxy(allowed=(), path=sockets / "strict") as strict:
            again = in_closed_network(sockets / "strict", mailrunner("doctor", "relay", "--json"), tmp_path)
            assert strict.asked
    counts = json.loads(ran.stdout)["counts"]
    assert (ran.code, counts["sent"], counts["in_doubt"]) == (1, 59, 1), ran.stdout + ran.stderr
    assert set(campaign.copies().values()) == {1}
    assert len(campaign.copies()) == 60
    assert asked == {name}
    findings = json.loads(again.stdout)["accounts"][0]["findings"]
    assert any("list of allowed hosts" in each["what"] for each in findings)
