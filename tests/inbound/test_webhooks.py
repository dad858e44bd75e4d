"""Provider events: each provider's own posts are understood, and nobody else's are believed."""

from __future__ import annotations

import base64
import json
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
from mailrunner.inbound.webhook_auth import fetch_certificate
from mailrunner.inbound.webhooks import (
    LoginRequiredError,
    MalformedError,
    NotNowError,
    UnknownProviderError,
    UnsignedError,
    WebhookError,
    WebhookParser,
)
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


def events(
    poster: Poster, *, tell: Callable[[str], None] = print, fetch: Callable[[str], bytes] | None = None
) -> WebhookParser:
    own = fetch or (lambda _: poster.certificate())
    return WebhookParser(poster.settings, signer=SIGNER, tell=tell, fetch=own)


def parse(poster: Poster, name: str) -> list[InboundEvent]:
    return events(poster).parse(name.partition("_")[0], *poster.request(name), now=NOW)


def refused(poster: Poster, provider: str, request: tuple[dict[str, str], bytes]) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        events(poster).parse(provider, *request, now=NOW)
    return caught.value


# What is said


@pytest.mark.parametrize("name", [name for name in names() if not name.endswith("_open")])
def test_each_event_is_a_fact_of_its_kind_about_the_right_person(poster: Poster, name: str) -> None:
    provider, _, event = name.partition("_")

    (fact,) = parse(poster, name)

    assert (fact.kind, fact.source, fact.address) == (KINDS[event], provider, "ana@example.org")
    assert fact.happened_at is not None
    assert timedelta(0) <= NOW - fact.happened_at < timedelta(minutes=1)
    assert len(fact.fingerprint) == 64
    # Postmark gives no header of the message back, only its own name for it.
    assert fact.delivery == (None if provider == "postmark" else DELIVERY)


@pytest.mark.parametrize("name", [name for name in names() if name.endswith("_open")])
def test_opened_letters_are_nobodys_business(poster: Poster, name: str) -> None:
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
def test_a_bounce_tells_the_servers_code_and_words(poster: Poster, provider: str) -> None:
    (fact,) = parse(poster, f"{provider}_bounce")

    assert (fact.code, fact.enhanced_code) == (550, "5.1.1")
    assert "the server says this address does not exist" in fact.detail


def test_what_a_provider_calls_permanent_strikes_nobody_off_for_a_full_mailbox(poster: Poster) -> None:
    event = poster.event("ses_bounce")
    event["bounce"]["bouncedRecipients"][0] |= {
        "status": "5.2.2",
        "diagnosticCode": "smtp; 552 5.2.2 mailbox full",
    }

    (fact,) = events(poster).parse("ses", *poster.post("ses", event), now=NOW)

    assert fact.kind is EventKind.SOFT_BOUNCED


def test_the_same_event_again_has_the_same_fingerprint_and_another_has_another(poster: Poster) -> None:
    for provider in poster.settings:
        first, again = parse(poster, f"{provider}_bounce"), parse(poster, f"{provider}_bounce")
        assert first == again
    prints = [fact.fingerprint for name in names() if "mailgun" not in name for fact in parse(poster, name)]
    sns = [name for name in names() if name.startswith("ses") and "open" not in name]
    # All of Amazon's share one MessageId here, and SendGrid's one event id.
    sendgrid = [name for name in names() if name.startswith("sendgrid") and "open" not in name]
    assert len(set(prints)) == len(prints) - (len(sns) - 1) - (len(sendgrid) - 1)


def test_several_events_in_one_post_are_several_facts(poster: Poster) -> None:
    posted = [
        *poster.event("sendgrid_bounce"),
        *poster.event("sendgrid_open"),
        *poster.event("sendgrid_delivery"),
    ]

    facts = events(poster).parse("sendgrid", *poster.post("sendgrid", posted), now=NOW)

    assert [fact.kind for fact in facts] == [EventKind.BOUNCED, EventKind.DELIVERED]


def test_several_people_in_one_bounce_are_several_facts(poster: Poster) -> None:
    event = poster.event("ses_bounce")
    event["bounce"]["bouncedRecipients"].append({"emailAddress": "bob@example.org"})

    facts = events(poster).parse("ses", *poster.post("ses", event), now=NOW)

    assert [fact.address for fact in facts] == ["ana@example.org", "bob@example.org"]
    assert len({fact.fingerprint for fact in facts}) == 2


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure"])
def test_a_feedback_that_is_no_complaint_is_none(poster: Poster, feedback: str) -> None:
    event = poster.event("ses_complaint")
    event["complaint"]["complaintFeedbackType"] = feedback

    assert events(poster).parse("ses", *poster.post("ses", event), now=NOW) == []


def test_somebody_elses_message_of_the_same_account_has_no_delivery(poster: Poster) -> None:
    stranger = Poster(signer=TokenSigner((b"another",)), number=DELIVERY)
    event = stranger.event("mailgun_bounce")

    (fact,) = events(poster).parse("mailgun", *poster.mailgun(event), now=NOW)

    assert (fact.delivery, fact.address) == (None, "ana@example.org")


# Who says it


def test_a_provider_that_is_not_set_up_is_unknown(poster: Poster) -> None:
    for provider in ("mandrill", "SES", "", "../ses"):
        assert isinstance(refused(poster, provider, ({}, b"{}")), UnknownProviderError)


@pytest.mark.parametrize("provider", ["postmark", "brevo"])
def test_the_password_of_the_address_is_asked_for(poster: Poster, provider: str) -> None:
    _, body = poster.request(f"{provider}_bounce")

    assert isinstance(refused(poster, provider, ({}, body)), LoginRequiredError)
    for wrong in (basic("mailrunner:wrong"), basic(LOGIN)[:-4], "Basic", "Basic ä", "Bearer x"):
        assert refused(poster, provider, ({"Authorization": wrong}, body)).status in (401, 403)
    assert events(poster).parse(provider, lowered({"Authorization": basic(LOGIN)}), body, now=NOW)


def test_mailguns_signature_is_checked(poster: Poster) -> None:
    event = poster.event("mailgun_bounce")

    assert isinstance(refused(poster, "mailgun", poster.mailgun(event, key="wrong")), UnsignedError)
    _, body = poster.mailgun(event)
    for part in ("signature", "timestamp", "token"):
        forged = json.loads(body)
        forged["signature"][part] = forged["signature"][part][:-1] + "x"
        assert isinstance(refused(poster, "mailgun", ({}, json.dumps(forged).encode())), UnsignedError)


def test_sendgrids_signature_covers_every_byte(poster: Poster) -> None:
    headers, body = poster.request("sendgrid_bounce")

    assert isinstance(refused(poster, "sendgrid", (headers, body + b" ")), UnsignedError)
    assert isinstance(refused(poster, "sendgrid", ({}, body)), UnsignedError)
    late = {**headers, "X-Twilio-Email-Event-Webhook-Timestamp": "1772359999"}
    assert isinstance(refused(poster, "sendgrid", (late, body)), UnsignedError)


@pytest.mark.parametrize("signature", ["ä", "=", "AAAA", ""])
def test_a_signature_that_is_none_proves_nothing(poster: Poster, signature: str) -> None:
    headers, body = poster.request("sendgrid_bounce")
    headers["X-Twilio-Email-Event-Webhook-Signature"] = signature

    assert isinstance(refused(poster, "sendgrid", (headers, body)), UnsignedError)
    forged = changed(poster.request("ses_bounce"), Signature=signature)
    assert isinstance(refused(poster, "ses", forged), UnsignedError)


@pytest.mark.parametrize("key", ["MFkw" * 31, base64.b64encode(rsa_key()).decode()])
def test_a_key_that_is_not_sendgrids_is_the_operators_mistake(poster: Poster, key: str) -> None:
    own = WebhookParser({"sendgrid": EventSettings(public_key=key)}, signer=SIGNER, tell=print)

    with pytest.raises(NotNowError, match=r"events\.sendgrid\.public_key"):
        own.parse("sendgrid", *poster.request("sendgrid_bounce"), now=NOW)


def test_where_both_are_set_both_are_asked_for(poster: Poster) -> None:
    login = SecretStr(LOGIN)
    both = {name: replace(poster.settings[name], login=login) for name in ("ses", "sendgrid")}
    own = WebhookParser(both, signer=SIGNER, tell=print, fetch=lambda _: poster.certificate())

    for provider in both:
        headers, body = poster.request(f"{provider}_bounce")
        with pytest.raises(LoginRequiredError):
            own.parse(provider, headers, body, now=NOW)
        with pytest.raises(UnsignedError):
            own.parse(provider, {"Authorization": basic(LOGIN)}, body.replace(b"ana", b"eve"), now=NOW)
        assert own.parse(provider, {**headers, "Authorization": basic(LOGIN)}, body, now=NOW)


@pytest.mark.parametrize("version", ["1", "2"])
def test_amazons_signature_covers_every_field(poster: Poster, version: str) -> None:
    message = json.dumps(poster.event("ses_bounce"))
    request = poster.sns(version=version, Message=message, Subject="Amazon SES")

    assert events(poster).parse("ses", *request, now=NOW)
    for field in ("Message", "MessageId", "Subject", "Timestamp"):
        value = json.loads(request[1])[field].replace("1", "2") + " "
        forged = changed(request, **{field: value})
        assert isinstance(refused(poster, "ses", forged), UnsignedError), field


def test_only_our_own_topics_are_heard(poster: Poster) -> None:
    other = TOPIC.replace("feedback", "another")

    assert isinstance(refused(poster, "ses", poster.sns(Message="{}", TopicArn=other)), UnsignedError)


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

    with pytest.raises(UnsignedError):
        events(poster, fetch=lambda u: fetched.append(u) or b"").parse("ses", *request, now=NOW)  # type: ignore[func-returns-value]

    assert fetched == []


def test_the_fetcher_itself_goes_nowhere_else() -> None:
    with pytest.raises(OSError, match="Amazon"):
        fetch_certificate("https://example.org/x.pem")


def test_a_certificate_is_fetched_once(poster: Poster) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return poster.certificate()

    own = events(poster, fetch=fetch)
    for name in ("ses_bounce", "ses_delivery"):
        own.parse("ses", *poster.request(name), now=NOW)

    assert fetched == [CERTIFICATE]


def test_a_certificate_that_has_expired_proves_nothing(poster: Poster) -> None:
    with pytest.raises(UnsignedError, match="not valid"):
        events(poster, fetch=lambda _: poster.certificate(valid_for=timedelta(0))).parse(
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

    own = events(poster, fetch=fetch)
    for _ in range(2):
        with pytest.raises(NotNowError) as caught:
            own.parse("ses", *poster.request("ses_bounce"), now=NOW)
        assert caught.value.status == 503
    assert len(tries) == 2


@pytest.mark.parametrize("name", ["ses_bounce", "mailgun_bounce", "sendgrid_bounce"])
def test_what_was_signed_long_ago_is_refused_but_not_what_took_hours(poster: Poster, name: str) -> None:
    provider, own = name.partition("_")[0], events(poster)

    assert own.parse(provider, *poster.request(name), now=NOW + timedelta(hours=30))
    for now in (NOW + timedelta(days=3), NOW - timedelta(hours=1)):
        with pytest.raises(UnsignedError):
            own.parse(provider, *poster.request(name), now=now)


def test_a_subscription_is_for_the_operator_to_confirm(poster: Poster) -> None:
    told: list[str] = []
    request = poster.sns(
        kind="SubscriptionConfirmation",
        Message="You have chosen to subscribe.",
        Token="2336412f37",
        SubscribeURL="https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37",
    )

    assert events(poster, tell=told.append).parse("ses", *request, now=NOW) == []

    assert len(told) == 1
    assert TOPIC in told[0]
    assert "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription" in told[0]


def test_a_forged_subscription_is_not_even_told(poster: Poster) -> None:
    told: list[str] = []
    request = poster.sns(
        kind="SubscriptionConfirmation", Message="m", Token="t", SubscribeURL="https://a.example"
    )
    forged = changed(request, SubscribeURL="https://evil.example")

    with pytest.raises(UnsignedError):
        events(poster, tell=told.append).parse("ses", *forged, now=NOW)

    assert told == []


def test_the_notice_that_publishing_begins_says_nothing(poster: Poster) -> None:
    sentence = "Successfully validated SNS topic for Amazon SES event publishing."

    assert events(poster).parse("ses", *poster.sns(Message=sentence), now=NOW) == []


# What cannot be read


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
def test_what_no_provider_posts_is_malformed_or_says_nothing(
    poster: Poster, provider: str, body: bytes
) -> None:
    request = {"Authorization": basic(LOGIN)}, body
    try:
        assert events(poster).parse(provider, *request, now=NOW) == []
    except MalformedError as error:
        assert error.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data(), name=st.sampled_from(names()), value=JSON)
def test_a_mangled_event_never_breaks_the_reader(data: st.DataObject, name: str, value: Any) -> None:
    poster = _POSTER
    provider, event = name.partition("_")[0], poster.event(name)
    spot = event[0] if isinstance(event, list) else event
    while True:
        key = data.draw(st.sampled_from(sorted(spot)))
        if not isinstance(spot[key], dict) or not spot[key] or data.draw(st.booleans()):
            spot[key] = value
            break
        spot = spot[key]
    try:
        facts = events(poster).parse(provider, *poster.post(provider, event), now=NOW)
    except MalformedError:
        return
    assert all(isinstance(fact.address, str) and isinstance(fact.detail, str) for fact in facts)


_POSTER = Poster(signer=SIGNER, number=DELIVERY)


def test_half_a_character_and_nul_are_not_handed_on(poster: Poster) -> None:
    event = poster.event("brevo_bounce") | {
        "email": "an\0a@example.org",
        "reason": "550 \ud800 no",
        "message-id": "\ud800",
    }

    (fact,) = events(poster).parse("brevo", *poster.post("brevo", event), now=NOW)

    for text in (fact.address, fact.detail, fact.provider_id):
        assert "\0" not in text
        assert text.encode("utf-8")
