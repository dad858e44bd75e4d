"""Provider events: each provider's own requests are read, and no others are trusted."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from mailrunner.config.events import EventSettings
from mailrunner.inbound.webhook_auth import (
    LoginRequiredError,
    MailgunVerifier,
    MalformedEventError,
    NotAuthenticError,
    UnknownProviderError,
    VerificationUnavailableError,
    WebhookError,
    cut,
    fetch_certificate,
)
from mailrunner.inbound.webhooks import WebhookParser
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.tokens import TokenSigner
from tests.data.provider_events import CERTIFICATE, LOGIN, NOW, TOPIC, Poster, basic, changed, lowered, names


def rsa_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


SIGNER = TokenSigner((b"one secret",))
DELIVERY = (3 << 40) + 17
HAPPENED = datetime(2026, 3, 1, 9, 59, 38, tzinfo=UTC)

KINDS = {
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.BOUNCED,
    "full_mailbox": EventKind.SOFT_BOUNCED,
    "soft_bounce": EventKind.SOFT_BOUNCED,
    "spam_filter": EventKind.REFUSED,
    "blocked": EventKind.SOFT_BOUNCED,
    "complaint": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "delivery": EventKind.DELIVERED,
    "delay": EventKind.DELAYED,
}


@pytest.fixture(scope="module")
def poster() -> Poster:
    return Poster(signer=SIGNER, number=DELIVERY)


def parser(
    poster: Poster, *, notify: Callable[[str], None] = print, fetch: Callable[[str], bytes] | None = None
) -> WebhookParser:
    own = fetch or (lambda _: poster.certificate())
    return WebhookParser(poster.settings, signer=SIGNER, notify=notify, fetch=own)


def parse(poster: Poster, name: str) -> list[InboundEvent]:
    return parser(poster).parse(name.partition("_")[0], *poster.request(name), now=NOW)


def refused(poster: Poster, provider: str, request: tuple[dict[str, str], bytes]) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        parser(poster).parse(provider, *request, now=NOW)
    return caught.value


# -- Events


@pytest.mark.parametrize("name", [name for name in names() if not name.endswith("_open")])
def test_each_event_has_its_kind_and_the_right_delivery(poster: Poster, name: str) -> None:
    provider, _, kind = name.partition("_")

    (event,) = parse(poster, name)

    assert (event.kind, event.source, event.address) == (KINDS[kind], provider, "ana@example.org")
    assert event.happened_at is not None
    assert timedelta(0) <= NOW - event.happened_at < timedelta(minutes=1)
    assert len(event.fingerprint) == 64
    # Postmark gives no header of the message back, only its own name for it.
    assert event.delivery == (None if provider == "postmark" else DELIVERY)


@pytest.mark.parametrize("name", [name for name in names() if name.endswith("_open")])
def test_opened_messages_are_not_recorded(poster: Poster, name: str) -> None:
    assert parse(poster, name) == []


@pytest.mark.parametrize(
    ("name", "provider_id"),
    [
        ("ses_bounce", "0102018e1a2b3c4d-11111111-2222-3333-4444-555555555555-000000"),
        ("postmark_bounce", "883953f4-6105-42a2-a16a-77a8eac79483"),
        ("sendgrid_bounce", "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0"),
    ],
)
def test_the_providers_own_name_of_the_message_is_kept(poster: Poster, name: str, provider_id: str) -> None:
    assert parse(poster, name)[0].provider_id == provider_id


@pytest.mark.parametrize("provider", ["ses", "mailgun", "postmark", "sendgrid", "brevo"])
def test_a_bounce_has_the_servers_code_and_text(poster: Poster, provider: str) -> None:
    (event,) = parse(poster, f"{provider}_bounce")

    assert (event.code, event.enhanced_code) == (550, "5.1.1")
    assert "the server says this address does not exist" in event.detail


def test_a_full_mailbox_is_a_soft_bounce_though_the_provider_calls_it_permanent(poster: Poster) -> None:
    posted = poster.event("ses_bounce")
    posted["bounce"]["bouncedRecipients"][0] |= {
        "status": "5.2.2",
        "diagnosticCode": "smtp; 552 5.2.2 mailbox full",
    }

    (event,) = parser(poster).parse("ses", *poster.post("ses", posted), now=NOW)

    assert event.kind is EventKind.SOFT_BOUNCED


def test_the_same_event_again_has_the_same_fingerprint_and_another_has_another(poster: Poster) -> None:
    for provider in poster.settings:
        first, again = parse(poster, f"{provider}_bounce"), parse(poster, f"{provider}_bounce")
        assert first == again
    prints = [event.fingerprint for name in names() if "mailgun" not in name for event in parse(poster, name)]
    sns = [name for name in names() if name.startswith("ses") and "open" not in name]
    # All of Amazon's share one MessageId here, and SendGrid's one event id.
    sendgrid = [name for name in names() if name.startswith("sendgrid") and "open" not in name]
    assert len(set(prints)) == len(prints) - (len(sns) - 1) - (len(sendgrid) - 1)


def test_several_events_may_come_in_one_request(poster: Poster) -> None:
    posted = [
        *poster.event("sendgrid_bounce"),
        *poster.event("sendgrid_open"),
        *poster.event("sendgrid_delivery"),
    ]

    events = parser(poster).parse("sendgrid", *poster.post("sendgrid", posted), now=NOW)

    assert [event.kind for event in events] == [EventKind.BOUNCED, EventKind.DELIVERED]


def test_a_bounce_of_several_recipients_is_several_events(poster: Poster) -> None:
    posted = poster.event("ses_bounce")
    posted["bounce"]["bouncedRecipients"].append({"emailAddress": "bob@example.org"})

    events = parser(poster).parse("ses", *poster.post("ses", posted), now=NOW)

    assert [event.address for event in events] == ["ana@example.org", "bob@example.org"]
    assert len({event.fingerprint for event in events}) == 2


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure"])
def test_feedback_that_is_no_complaint_is_left_out(poster: Poster, feedback: str) -> None:
    posted = poster.event("ses_complaint")
    posted["complaint"]["complaintFeedbackType"] = feedback

    assert parser(poster).parse("ses", *poster.post("ses", posted), now=NOW) == []


def test_a_message_that_another_program_sent_has_no_delivery(poster: Poster) -> None:
    stranger = Poster(signer=TokenSigner((b"another",)), number=DELIVERY)
    posted = stranger.event("mailgun_bounce")

    (event,) = parser(poster).parse("mailgun", *poster.mailgun(posted), now=NOW)

    assert (event.delivery, event.address) == (None, "ana@example.org")


# -- Authentication


def test_a_provider_that_is_not_set_up_is_unknown(poster: Poster) -> None:
    for provider in ("mandrill", "SES", "", "../ses"):
        assert isinstance(refused(poster, provider, ({}, b"{}")), UnknownProviderError)


@pytest.mark.parametrize("provider", ["postmark", "brevo"])
def test_the_password_of_the_url_is_required(poster: Poster, provider: str) -> None:
    _, body = poster.request(f"{provider}_bounce")

    assert isinstance(refused(poster, provider, ({}, body)), LoginRequiredError)
    for wrong in (basic("mailrunner:wrong"), basic(LOGIN)[:-4], "Basic", "Basic ä", "Bearer x"):
        assert refused(poster, provider, ({"Authorization": wrong}, body)).status in (401, 403)
    assert parser(poster).parse(provider, lowered({"Authorization": basic(LOGIN)}), body, now=NOW)


def test_mailguns_signature_is_checked(poster: Poster) -> None:
    posted = poster.event("mailgun_bounce")

    assert isinstance(refused(poster, "mailgun", poster.mailgun(posted, key="wrong")), NotAuthenticError)
    _, body = poster.mailgun(posted)
    for part in ("signature", "timestamp", "token"):
        forged = json.loads(body)
        forged["signature"][part] = forged["signature"][part][:-1] + "x"
        assert isinstance(refused(poster, "mailgun", ({}, json.dumps(forged).encode())), NotAuthenticError)


def test_mailguns_token_counts_for_one_event_however_often_it_is_posted(poster: Poster) -> None:
    own = parser(poster)
    opened, bounce = poster.event("mailgun_open"), poster.event("mailgun_bounce")

    assert own.parse("mailgun", *poster.mailgun(opened, token="a"), now=NOW) == []
    with pytest.raises(NotAuthenticError, match="used before, for another event"):
        own.parse("mailgun", *poster.mailgun(bounce, token="a"), now=NOW)

    again = [own.parse("mailgun", *poster.mailgun(bounce, token="b"), now=NOW) for _ in range(3)]
    assert again[0] and again == [again[0]] * 3


def test_the_newest_tokens_are_remembered_and_no_more() -> None:
    tokens = MailgunVerifier(tokens=2)
    signer = Poster(signer=SIGNER, number=DELIVERY)

    def post(token: str, event: dict[str, int]) -> None:
        tokens.check(signer.settings["mailgun"], json.loads(signer.mailgun(event, token=token)[1]), NOW)

    for token in "abc":
        post(token, {"event": 1})
    post("a", {"event": 2})
    with pytest.raises(NotAuthenticError):
        post("c", {"event": 2})


@pytest.mark.parametrize(
    ("provider", "headers", "error"),
    [
        ("nobody", {}, UnknownProviderError),
        ("postmark", {}, LoginRequiredError),
        ("brevo", {"Authorization": "Basic eDp5"}, NotAuthenticError),
        ("sendgrid", {"X-Twilio-Email-Event-Webhook-Timestamp": "1"}, NotAuthenticError),
    ],
)
def test_the_header_alone_shows_that_a_request_is_not_the_providers(
    poster: Poster, provider: str, headers: dict[str, str], error: type[WebhookError]
) -> None:
    with pytest.raises(error):
        parser(poster).most_octets(provider, headers)


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [
        ("ses", 1),
        ("mailgun", 1),
        ("postmark", 4),
        ("sendgrid", 4),
        ("brevo", 4),
    ],
)
def test_a_request_may_be_larger_where_its_header_has_a_proof(
    poster: Poster, name: str, megabytes: int
) -> None:
    assert parser(poster).most_octets(name, poster.request(f"{name}_bounce")[0]) == megabytes << 20


@pytest.mark.parametrize("field", ["TopicArn", "Type", "SigningCertURL", "SignatureVersion", "Timestamp"])
@pytest.mark.parametrize("sign", ["x", "\x1b[2J", "\u202e"])
def test_what_a_request_says_is_quoted_in_part_and_on_one_line(poster: Poster, field: str, sign: str) -> None:
    request = changed(poster.request("ses_bounce"), **{field: sign * 500_000})
    with pytest.raises(WebhookError) as caught:
        parser(poster).parse("ses", *request, now=NOW)
    assert len(str(caught.value)) <= 301 and str(caught.value).isprintable()


def test_sendgrids_signature_covers_every_byte(poster: Poster) -> None:
    headers, body = poster.request("sendgrid_bounce")

    assert isinstance(refused(poster, "sendgrid", (headers, body + b" ")), NotAuthenticError)
    assert isinstance(refused(poster, "sendgrid", ({}, body)), NotAuthenticError)
    late = {**headers, "X-Twilio-Email-Event-Webhook-Timestamp": "1772359999"}
    assert isinstance(refused(poster, "sendgrid", (late, body)), NotAuthenticError)


@pytest.mark.parametrize("signature", ["ä", "=", "AAAA", ""])
def test_a_signature_that_is_none_proves_nothing(poster: Poster, signature: str) -> None:
    headers, body = poster.request("sendgrid_bounce")
    headers["X-Twilio-Email-Event-Webhook-Signature"] = signature

    assert isinstance(refused(poster, "sendgrid", (headers, body)), NotAuthenticError)
    forged = changed(poster.request("ses_bounce"), Signature=signature)
    assert isinstance(refused(poster, "ses", forged), NotAuthenticError)


@pytest.mark.parametrize("key", ["MFkw" * 31, base64.b64encode(rsa_key()).decode()])
def test_a_key_that_is_not_sendgrids_is_the_operators_mistake(poster: Poster, key: str) -> None:
    own = WebhookParser({"sendgrid": EventSettings(public_key=key)}, signer=SIGNER, notify=print)

    with pytest.raises(VerificationUnavailableError, match=r"events\.sendgrid\.public_key"):
        own.parse("sendgrid", *poster.request("sendgrid_bounce"), now=NOW)


def test_where_both_are_set_both_are_required(poster: Poster) -> None:
    login = SecretStr(LOGIN)
    both = {name: replace(poster.settings[name], login=login) for name in ("ses", "sendgrid")}
    own = WebhookParser(both, signer=SIGNER, notify=print, fetch=lambda _: poster.certificate())

    for provider in both:
        headers, body = poster.request(f"{provider}_bounce")
        with pytest.raises(LoginRequiredError):
            own.parse(provider, headers, body, now=NOW)
        with pytest.raises(NotAuthenticError):
            own.parse(provider, {"Authorization": basic(LOGIN)}, body.replace(b"ana", b"eve"), now=NOW)
        assert own.parse(provider, {**headers, "Authorization": basic(LOGIN)}, body, now=NOW)


@pytest.mark.parametrize("version", ["1", "2"])
def test_amazons_signature_covers_every_field(poster: Poster, version: str) -> None:
    message = json.dumps(poster.event("ses_bounce"))
    request = poster.sns(version=version, Message=message, Subject="Amazon SES")

    assert parser(poster).parse("ses", *request, now=NOW)
    for field in ("Message", "MessageId", "Subject", "Timestamp"):
        value = json.loads(request[1])[field].replace("1", "2") + " "
        forged = changed(request, **{field: value})
        assert isinstance(refused(poster, "ses", forged), NotAuthenticError), field


def test_only_our_own_topics_are_accepted(poster: Poster) -> None:
    other = TOPIC.replace("feedback", "another")

    assert isinstance(refused(poster, "ses", poster.sns(Message="{}", TopicArn=other)), NotAuthenticError)


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("eu-west-1", "us-east-1"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.example.org"),
        CERTIFICATE.replace("sns.", "evil.example/sns."),
        CERTIFICATE.replace("https://", "https://user@"),
        CERTIFICATE.replace(".pem", ".pem?x=.pem"),
        f"{CERTIFICATE}\n",
        "",
    ],
)
def test_no_certificate_is_fetched_from_anywhere_else(poster: Poster, url: str) -> None:
    fetched: list[str] = []
    request = poster.sns(Message="{}", SigningCertURL=url)

    with pytest.raises(NotAuthenticError):
        parser(poster, fetch=lambda u: fetched.append(u) or b"").parse("ses", *request, now=NOW)  # type: ignore[func-returns-value]

    assert fetched == []


def test_the_fetcher_itself_goes_nowhere_else() -> None:
    with pytest.raises(OSError, match="Amazon"):
        fetch_certificate("https://example.org/x.pem")


def test_a_certificate_is_fetched_once(poster: Poster) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return poster.certificate()

    own = parser(poster, fetch=fetch)
    for name in ("ses_bounce", "ses_delivery"):
        own.parse("ses", *poster.request(name), now=NOW)

    assert fetched == [CERTIFICATE]


def test_a_certificate_that_has_expired_proves_nothing(poster: Poster) -> None:
    with pytest.raises(NotAuthenticError, match="not valid"):
        parser(poster, fetch=lambda _: poster.certificate(valid_for=timedelta(0))).parse(
            "ses", *poster.request("ses_bounce"), now=NOW
        )


@pytest.mark.parametrize("answer", [OSError("no route to host"), b"<html>not a certificate</html>"])
def test_without_a_certificate_the_provider_is_asked_to_come_again(
    poster: Poster, answer: OSError | bytes
) -> None:
    tries: list[str] = []

    def fetch(url: str) -> bytes:
        tries.append(url)
        if isinstance(answer, OSError):
            raise answer
        return answer

    own = parser(poster, fetch=fetch)
    for _ in range(2):
        with pytest.raises(VerificationUnavailableError) as caught:
            own.parse("ses", *poster.request("ses_bounce"), now=NOW)
        assert caught.value.status == 503
    assert len(tries) == 2


@pytest.mark.parametrize("name", ["ses_bounce", "mailgun_bounce", "sendgrid_bounce"])
def test_what_was_signed_long_ago_is_refused_but_not_what_took_hours(poster: Poster, name: str) -> None:
    provider, own = name.partition("_")[0], parser(poster)

    assert own.parse(provider, *poster.request(name), now=NOW + timedelta(hours=30))
    for now in (NOW + timedelta(days=3), NOW - timedelta(hours=1)):
        with pytest.raises(NotAuthenticError):
            own.parse(provider, *poster.request(name), now=now)


def test_a_subscription_is_for_the_operator_to_confirm(poster: Poster) -> None:
    told: list[str] = []
    request = poster.sns(
        kind="SubscriptionConfirmation",
        Message="You have chosen to subscribe.",
        Token="2336412f37",
        SubscribeURL="https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37",
    )

    assert parser(poster, notify=told.append).parse("ses", *request, now=NOW) == []

    assert len(told) == 1
    assert TOPIC in told[0]
    assert "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription" in told[0]


def test_a_forged_subscription_is_not_shown(poster: Poster) -> None:
    told: list[str] = []
    request = poster.sns(
        kind="SubscriptionConfirmation", Message="m", Token="t", SubscribeURL="https://a.example"
    )
    forged = changed(request, SubscribeURL="https://evil.example")

    with pytest.raises(NotAuthenticError):
        parser(poster, notify=told.append).parse("ses", *forged, now=NOW)

    assert told == []


def test_the_notice_that_publishing_begins_is_no_event(poster: Poster) -> None:
    sentence = "Successfully validated SNS topic for Amazon SES event publishing."

    assert parser(poster).parse("ses", *poster.sns(Message=sentence), now=NOW) == []


@pytest.mark.parametrize("name", ["ses_bounce", "ses_complaint", "ses_delay"])
def test_a_time_without_a_zone_is_in_utc(poster: Poster, name: str) -> None:
    posted = json.loads(re.sub(r'(T\d\d:\d\d:\d\d)(\.\d+)?Z"', r'\1"', json.dumps(poster.event(name))))
    events = parser(poster).parse("ses", *poster.post("ses", posted), now=NOW)
    assert events and all(event.happened_at and event.happened_at.tzinfo for event in events)


# -- Malformed requests


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"\xff",
        b"[]",
        b"1",
        b"null",
        b"{}",
        b'{"event": 1}',
        b'[{"event": "bounce"}, 2]',
        b"[" * 100_000,
        b'{"RecordType": "Inbound"}',
        b'{"items": []}',
        b'{"event": "spam", "ts_epoch": 1e400}',
    ],
)
@pytest.mark.parametrize("provider", ["postmark", "brevo"])
def test_what_no_provider_posts_is_malformed_or_no_event(poster: Poster, provider: str, body: bytes) -> None:
    request = {"Authorization": basic(LOGIN)}, body
    try:
        assert parser(poster).parse(provider, *request, now=NOW) == []
    except MalformedEventError as error:
        assert error.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data(), name=st.sampled_from(names()), value=JSON)
def test_a_mangled_event_never_breaks_the_reader(data: st.DataObject, name: str, value: Any) -> None:
    poster = _POSTER
    provider, posted = name.partition("_")[0], poster.event(name)
    spot = posted[0] if isinstance(posted, list) else posted
    while True:
        key = data.draw(st.sampled_from(sorted(spot)))
        if not isinstance(spot[key], dict) or not spot[key] or data.draw(st.booleans()):
            spot[key] = value
            break
        spot = spot[key]
    try:
        events = parser(poster).parse(provider, *poster.post(provider, posted), now=NOW)
    except MalformedEventError:
        return
    assert all(isinstance(event.address, str) and isinstance(event.detail, str) for event in events)


_POSTER = Poster(signer=SIGNER, number=DELIVERY)


def test_half_a_character_and_nul_are_not_handed_on(poster: Poster) -> None:
    posted = poster.event("brevo_bounce") | {
        "email": "an\0a@example.org",
        "reason": "550 \ud800 no",
        "message-id": "\ud800",
    }

    (event,) = parser(poster).parse("brevo", *poster.post("brevo", posted), now=NOW)

    for text in (event.address, event.detail, event.provider_id):
        assert "\0" not in text
        assert text.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abcd…"), ("a\nbcde", "a\ufffdbc…"), (7, "7")],
)
def test_a_value_is_quoted_up_to_its_length_and_no_further(value: object, shown: str) -> None:
    assert cut(value, 4) == shown
