"""Downloads of lists: within their bounds, from public addresses alone."""

from __future__ import annotations

import pytest

from mailrunner.errors import UserError
from mailrunner.recipients.published.fetch import FetchBounds, fetch
from tests.support.list_server import ListServer


def test_the_octets_come_as_they_are() -> None:
    with ListServer(body=b"email\na@example.org\n").running() as server:
        assert fetch(server.url) == server.body


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.org/list.csv", "by https alone"),
        ("ftp://example.org/list.csv", "by https alone"),
        ("https://user:secret@example.org/list.csv", "holds a password"),
        ("https://10.0.0.1/list.csv", "private network"),
        ("https://169.254.169.254/latest", "private network"),
        ("https://[::ffff:10.0.0.1]/list.csv", "private network"),
        ("https://0.0.0.0/list.csv", "private network"),
    ],
)
def test_other_addresses_are_never_asked(url: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        fetch(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("target", ["http://10.0.0.1/x", "http://example.org/x", "file:///etc/passwd"])
def test_a_redirect_leads_to_no_other_kind_of_address(target: str) -> None:
    with (
        ListServer(status=302, location=target).running() as server,
        pytest.raises(UserError, match="https alone"),
    ):
        fetch(server.url)


def test_redirects_are_counted() -> None:
    with ListServer(status=302, location="/again").running() as server:
        with pytest.raises(UserError, match="from one address to the next"):
            fetch(server.url)
        assert len(server.hits) == 6


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (ListServer(status=403), "only after a login.*Publish to web"),
        (ListServer(status=404), "answered 404"),
        (ListServer(kind="text/html; charset=utf-8", body=b"<html>"), "a web page.*Publish to web"),
    ],
)
def test_what_is_no_list_gets_a_sentence(server: ListServer, message: str) -> None:
    with server.running(), pytest.raises(UserError, match=message):
        fetch(server.url)


def test_size_and_time_are_bounded() -> None:
    with ListServer(body=b"x" * 3000).running() as server, pytest.raises(UserError, match="more than 0 MB"):
        fetch(server.url, FetchBounds(octets=2000))
    with (
        ListServer(body=b"x", stalls=True).running() as server,
        pytest.raises(UserError, match="did not come within"),
    ):
        fetch(server.url, FetchBounds(seconds=0.2))


def test_a_server_that_is_not_there_is_named_by_its_host_alone() -> None:
    with ListServer().running() as server:
        url = server.url
    with pytest.raises(UserError, match=r"https://127\.0\.0\.1/…: it cannot be fetched"):
        fetch(url)
