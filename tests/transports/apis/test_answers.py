"""Every collected answer in its provider's own envelope: read by its module, judged, and acted on."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.outcome import Action, Outcome, OutcomeKind, Scope
from mailrunner.transports.apis import Api, ApiSettings
from mailrunner.transports.apis.bearer import FixedBearer
from mailrunner.transports.apis.registry import api, api_names
from mailrunner.transports.http.outcomes import ApiHealth, HttpOutcomes
from mailrunner.transports.http_request import HttpAnswer
from tests.support.clocks import ManualClock
from tests.support.http_apis import PRESET_OF, READ, YES, Answer, Taken, error

DATA = Path(__file__).parents[2] / "data"
NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
_OUTCOMES = {
    Action.RETRY: (OutcomeKind.DEFERRED, Scope.ACCOUNT, False, False),
    Action.QUOTA: (OutcomeKind.DEFERRED, Scope.ACCOUNT, False, True),
    Action.RECONNECT: (OutcomeKind.DEFERRED, Scope.CONNECTION, False, False),
    Action.SUPPRESS: (OutcomeKind.REFUSED, Scope.RECIPIENT, True, False),
    Action.FAIL: (OutcomeKind.REFUSED, Scope.RECIPIENT, False, False),
    Action.AUTH: (OutcomeKind.REFUSED, Scope.CREDENTIALS, False, False),
    Action.STOP: (OutcomeKind.REFUSED, Scope.CAMPAIGN, False, False),
    Action.IN_DOUBT: (OutcomeKind.IN_DOUBT, Scope.RECIPIENT, False, False),
    Action.SENT_AND_QUOTA: (OutcomeKind.SENT, Scope.RECIPIENT, False, True),
}


def made(preset: str) -> Api:
    return api(preset, ApiSettings(url="https://api.example", bearer=FixedBearer("k"), region="eu-west-1"))


def as_answer(answer: Answer) -> HttpAnswer:
    status, headers, value = answer
    body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    return HttpAnswer(status, {name.lower(): text for name, text in headers.items()}, body)


def judged(preset: str, answer: HttpAnswer) -> Outcome:
    outcomes = HttpOutcomes(
        host="api.example",
        api=made(preset),
        clock=ManualClock(NOW),
        health=ApiHealth(),
        secrets=lambda: (),
    )
    return outcomes.answered(answer, "")


def collected() -> list[dict[str, str]]:
    found = []
    for name in ("http_replies.csv", "http_replies_unseen.csv"):
        with (DATA / name).open(encoding="utf-8", newline="") as file:
            found += [row for row in csv.DictReader(file) if row["provider"] in PRESET_OF]
    return found


@pytest.mark.parametrize(
    "row", collected(), ids=lambda row: "-".join((row["provider"], row["code"], row["enhanced"], row["text"]))
)
def test_an_answer_in_its_own_envelope_has_its_action(row: dict[str, str]) -> None:
    preset = PRESET_OF[row["provider"]]
    answer = as_answer(error(preset, int(row["code"]), row["enhanced"], row["text"]))
    found = judged(preset, answer)
    assert (found.kind, found.scope, found.suppress, found.quota) == _OUTCOMES[Action(row["action"])]


def bodies() -> list[dict[str, str]]:
    with (DATA / "http_bodies.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", bodies(), ids=lambda row: f"{row['api']}-{row['status']}-{row['body'][:60]}")
def test_an_answer_as_it_is_written_on_the_wire_has_its_action(row: dict[str, str]) -> None:
    headers = {name.lower(): value for name, value in json.loads(row["headers"]).items()}
    found = judged(row["api"], HttpAnswer(int(row["status"]), headers, row["body"].encode()))
    expected = (
        (OutcomeKind.SENT, Scope.RECIPIENT, False, False)
        if row["action"] == "sent"
        else _OUTCOMES[Action(row["action"])]
    )
    assert (found.kind, found.scope, found.suppress, found.quota) == expected


@pytest.mark.parametrize("preset", READ)
def test_a_yes_is_a_yes_with_an_id(preset: str) -> None:
    taken = Taken("a@example.org", "tok", {}, "")
    found = judged(preset, as_answer(YES[preset](7, taken)))
    assert found.kind is OutcomeKind.SENT
    assert "7" in found.provider_id or preset == "microsoft365"


@pytest.mark.parametrize("preset", READ)
def test_a_page_of_something_else_is_no_yes(preset: str) -> None:
    page = HttpAnswer(
        200, {"content-type": "text/html; charset=utf-8"}, b"<html>Log in to this network</html>"
    )
    assert judged(preset, page).kind is OutcomeKind.IN_DOUBT


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "error",
                    "errors",
                    "message",
                    "code",
                    "data",
                    "results",
                    "Messages",
                    "Errors",
                    "id",
                    "status",
                    "name",
                )
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(set(api_names()))), st.integers(200, 599), _json)
def test_no_answer_of_any_shape_raises(preset: str, status: int, value: object) -> None:
    found = judged(preset, HttpAnswer(status, {}, json.dumps(value).encode()))
    assert found.reason
    if status >= 300:
        assert found.kind is not OutcomeKind.SENT


@given(st.sampled_from(sorted(set(api_names()))), st.integers(200, 599), st.binary(max_size=60))
def test_no_octets_raise(preset: str, status: int, octets: bytes) -> None:
    found = judged(preset, HttpAnswer(status, {}, octets))
    if status >= 300:
        assert found.kind is not OutcomeKind.SENT
