"""What a request says of its delivery comes back in the provider's events, and names the delivery there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailrunner.inbound.providers import esp
from mailrunner.rendering.message_pieces import MessagePieces
from mailrunner.transports.apis import ApiSettings
from mailrunner.transports.apis.bearer import FixedBearer
from mailrunner.transports.apis.registry import api
from tests.transports.http.test_transport import message

EVENTS = Path(__file__).parents[2] / "data" / "provider_events"


def event(provider: str) -> Any:
    return json.loads((EVENTS / f"{provider}_bounce.json").read_text(encoding="utf-8"))


def sent(provider: str) -> Any:
    """The body of a request, as JSON."""
    made = api(provider, ApiSettings(url="https://api.example", bearer=FixedBearer("k")))
    return json.loads(b"".join(made.request(MessagePieces(message()), datetime.now(UTC)).pieces()))


def posted(provider: str) -> Any:
    """An event of the provider's, with what the request said."""
    found = event(provider)
    first = found[0] if isinstance(found, list) else found
    if provider == "sendgrid":
        first.update(sent(provider)["personalizations"][0]["custom_args"])
    elif provider == "postmark":
        first["Metadata"] = sent(provider)["Metadata"]
    else:
        first["X-Mailin-custom"] = sent(provider)["headers"]["X-Mailin-custom"]
    return found


@pytest.mark.parametrize("provider", ["sendgrid", "postmark", "brevo"])
def test_the_delivery_is_named_by_an_event(provider: str) -> None:
    found = posted(provider)
    [read] = esp.read(provider, found)[:1]
    assert "tok" in read.identifiers
