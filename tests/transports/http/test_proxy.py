"""Which proxy is used, by the account and the environment."""

from __future__ import annotations

import pytest

from mailrunner.transports.http.proxy import HttpProxy, proxy_for

HOST = "api.mailgun.net"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "http://p:3128"}, "p"),
        ({"https_proxy": "http://p:3128"}, "p"),
        ({"ALL_PROXY": "p:8080"}, "p"),
        ({"HTTP_PROXY": "http://p:3128"}, ""),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "example.org, .mailgun.net"}, ""),
        ({"HTTPS_PROXY": "http://p:3128", "no_proxy": "mailgun.net"}, ""),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "gun.net"}, "p"),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "api.mailgun.net:443"}, ""),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "api.mailgun.net:8443"}, "p"),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ""}, "p"),
    ],
)
def test_the_environment_names_the_proxy(
    variables: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(HOST, 443, "")
    assert (proxy.host if proxy else "") == found


@pytest.mark.parametrize(
    ("host", "exempt"),
    [("10.1.2.3", "10.0.0.0/8"), ("2001:db8::1", "2001:db8::/32"), ("10.1.2.3", "10.1.2.3")],
)
def test_networks_are_exempt(host: str, exempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p:3128")
    assert proxy_for(host, 443, "") is not None
    monkeypatch.setenv("NO_PROXY", exempt)
    assert proxy_for(host, 443, "") is None


def test_a_server_on_this_machine_needs_no_proxy_unless_the_account_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p:3128")
    assert proxy_for("127.0.0.1", 8025, "") is None
    assert proxy_for("127.0.0.1", 8025, "http://own:1") == HttpProxy("own", 1)


def test_the_login_is_taken_from_the_address() -> None:
    assert HttpProxy.parse("http://ana:p%40ss@proxy:3128") == HttpProxy("proxy", 3128, "ana:p@ss")


@pytest.mark.parametrize("url", ["https://p:1", "socks5://p:1", "http://", "http://p:port"])
def test_what_is_no_proxy_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        HttpProxy.parse(url.replace("//", "//ana:canary@"))
    assert "canary" not in str(caught.value)
