"""The presets: that all are there, complete, and found by their hosts."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

import mailrunner.config.providers
from mailrunner.config.providers import by_host, preset, preset_names, tls_of_port
from mailrunner.model.quota import Limit

DATA = Path(mailrunner.__file__).parent / "data" / "providers.toml"


def test_the_names_are_those_of_the_manual() -> None:
    assert preset_names() == (
        *("gmail", "google-workspace", "google-relay", "microsoft365", "outlook", "yahoo", "zoho", "icloud"),
        *("fastmail", "gmx", "web-de", "mailbox-org", "infomaniak", "migadu", "ionos", "ovh", "godaddy"),
        *("proton-bridge", "ses", "sendgrid", "mailgun", "postmark", "mandrill", "brevo", "mailjet"),
        *("mailtrap", "resend", "sparkpost", "smtp2go", "smtp"),
    )


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("gmail", ["500/24h"]),
        ("google-workspace", ["2000/24h"]),
        ("google-relay", ["10000/24h"]),
        ("microsoft365", ["10000/24h", "30/minute"]),
        ("yahoo", ["500/24h"]),
        ("ses", ["200/24h", "1/second"]),
        ("postmark", ["100/month"]),
        ("smtp", []),
    ],
)
def test_the_caps_are_those_of_the_provider(name: str, limits: list[str]) -> None:
    assert [str(limit) for limit in preset(name).limits] == limits


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_complete(name: str) -> None:
    found = preset(name)
    assert found.name == name
    assert found.title
    assert found.note.endswith(".")
    assert found.connections >= 1
    assert found.quota_pause >= timedelta(hours=1)
    assert timedelta(0) < found.throttle_pause <= found.quota_pause
    if name != "smtp":
        assert found.serves(found.host)
        assert found.tls == (tls_of_port(found.port) or "starttls")
        assert all(source.startswith("https://") for source in found.sources)
        assert found.sources


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("smtp.gmail.com", "gmail"),
        ("SMTP.Gmail.COM.", "gmail"),
        ("smtp-relay.gmail.com", "google-relay"),
        ("email-smtp.eu-central-1.amazonaws.com", "ses"),
        ("smtp.zoho.eu", "zoho"),
        ("smtppro.zoho.com.au", "zoho"),
        ("smtp.office365.com", "microsoft365"),
        ("smtp.ionos.de", "ionos"),
        ("mail-eu.smtp2go.com", "smtp2go"),
    ],
)
def test_a_preset_is_found_by_its_host_in_any_case(host: str, name: str) -> None:
    found = by_host(host)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("host", ["", "mail.example.org", "127.0.0.1", "smtp.gmail.com.example.org"])
def test_other_hosts_have_no_preset(host: str) -> None:
    assert by_host(host) is None


def test_one_host_gives_one_family() -> None:
    families: dict[str, set[str]] = {}
    for name in preset_names():
        for host in preset(name).hosts:
            families.setdefault(host, set()).add(preset(name).family)
    assert "smtp.gmail.com" in families
    assert [host for host, found in families.items() if len(found) != 1] == []


def test_google_rewrites_the_sender_and_wants_one_connection() -> None:
    for name in ("gmail", "google-workspace"):
        found = preset(name)
        assert (found.from_rewritten, found.connections, found.files_submissions) == (True, 1, True)


def test_outlook_takes_no_password_and_sendgrid_has_one_user_for_all() -> None:
    assert preset("outlook").login == "oauth"
    assert preset("sendgrid").user == "apikey"


def test_every_figure_of_a_limit_names_how_sure_it_is() -> None:
    lines = [line for line in DATA.read_text("utf-8").splitlines() if line.startswith('limits = ["')]
    assert len(lines) == sum(
        bool(table["limits"]) for table in tomllib.loads(DATA.read_text("utf-8")).values()
    )
    marks = {"[guess]": "guess", "[told]": "reported", "[own]": "documented"}  # the least sure first
    sure = [next(word for mark, word in marks.items() if mark in line) for line in lines]
    presets = [preset(name) for name in preset_names()]
    assert sure == [each.limits_from for each in presets if each.limits]
    assert all(each.limits_from == "" for each in presets if not each.limits)
    assert all(each.sources for each in presets if each.limits)


def test_an_own_limit_of_the_same_window_would_replace_the_presets() -> None:
    assert preset("gmail").limits[0].window == Limit.parse("450/24h").window
