"""Requests held against what vendors publish for programs: a discovery document, and models of packages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from mailrunner.rendering.message_pieces import MessagePieces
from mailrunner.transports.apis import Api, ApiSettings, AskedMessage
from mailrunner.transports.apis.bearer import FixedBearer
from mailrunner.transports.apis.registry import api
from mailrunner.transports.http_request import HttpAnswer, HttpRequest
from tests.support.vendor_models import through_vendor_model
from tests.transports.http.test_transport import message

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
GMAIL = json.loads((Path(__file__).parents[2] / "data" / "vendor_schemas" / "gmail.v1.json").read_text())


def made(provider: str) -> Api:
    return api(provider, ApiSettings(url="https://api.example", bearer=FixedBearer("k")))


# -- Gmail


def method(name: str, request: HttpRequest, path: str) -> dict[str, list[str]]:
    """Check path, method and parameters of a request; return the parameters."""
    said = GMAIL["methods"][name]
    parts = urlsplit(request.target)
    assert (request.method, parts.path) == (said["httpMethod"], path.format(userId="me", id="18c1"))
    query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    known = {key for key, each in said["parameters"].items() if each["location"] == "query"}
    for key, values in query.items():
        assert key in known or key in GMAIL["parameters"]
        enum = said["parameters"].get(key, {}).get("enum")
        assert enum is None or set(values) <= set(enum)
    return query


def test_a_message_goes_where_the_document_of_google_says() -> None:
    gmail, upload = made("gmail"), GMAIL["methods"]["send"]["mediaUpload"]
    request = gmail.request(MessagePieces(message()), NOW)
    assert method("send", request, upload["protocols"]["simple"]["path"]) == {"uploadType": ["media"]}
    [kind] = upload["accept"]
    assert dict(request.headers)["Content-Type"].startswith(kind.removesuffix("*"))
    assert gmail.max_bytes == int(upload["maxSize"])


def test_a_question_is_one_that_the_document_of_google_knows() -> None:
    asked: list[HttpRequest] = []

    def call(request: HttpRequest) -> HttpAnswer:
        asked.append(request)
        return HttpAnswer(200, {}, b'{"messages": [{"id": "18c1"}]}')

    ask = getattr(made("gmail"), "ask")  # noqa: B009 - not of every API
    sought = SimpleNamespace(recipient="b@example.org", attempted_at=NOW, token="t")
    assert ask(call, cast("AskedMessage", sought)) is False
    first, second = asked
    assert set(method("list", first, f"/{GMAIL['methods']['list']['path']}")) == {"q", "maxResults"}
    assert method("get", second, f"/{GMAIL['methods']['get']['path']}")["format"] == ["metadata"]


# -- The models of the fakes (tests.support.vendor_models)


def body(provider: str) -> dict[str, Any]:
    return cast(
        "dict[str, Any]",
        json.loads(b"".join(made(provider).request(MessagePieces(message()), NOW).pieces())),
    )


@pytest.mark.parametrize("provider", ["mailtrap", "resend", "ses"])
def test_the_vendors_model_keeps_what_it_knows_and_nothing_else(provider: str) -> None:
    value = body(provider)
    assert through_vendor_model(provider, value) == value
    with_more = {**value, "unheard_of": "x"}
    try:
        assert through_vendor_model(provider, with_more) != with_more
    except ValueError as error:
        assert "unheard_of" in str(error)
    with pytest.raises((ValueError, TypeError)):
        through_vendor_model(provider, {**value, "to": 7, "Destination": 7})
