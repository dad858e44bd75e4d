"""What each provider's API asks of a request, and how it answers: from the vendors' own pages.

A fake takes nothing that the real one would not: unknown fields, wrong types and missing ones are faults of
ours, and are kept in `problems`.
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.vendor_models import through_vendor_model

KEY, SECRET = "key-canary-5b1c", "secret-canary-77aa"


class WrongRequestError(Exception):
    """What a real API would refuse; a sentence."""


@dataclass(frozen=True)
class Incoming:
    """A request as it was read."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> Any:
        need(self.headers.get("content-type", "").startswith("application/json"), "it is not JSON")
        return json.loads(self.body)


@dataclass(frozen=True)
class Taken:
    """A message that was accepted; `html` and `headers` are what a reader would get."""

    recipient: str
    token: str
    headers: dict[str, str]
    html: str
    files: tuple[tuple[str, str, bytes], ...] = ()  # name, Content-ID, octets


Answer = tuple[int, dict[str, str], Any]


def need(condition: object, sentence: str) -> None:
    if not condition:
        raise WrongRequestError(sentence)


def shape(value: Any, required: Mapping[str, type], optional: Mapping[str, Any]) -> None:
    """An object with these keys, of these types, and no others."""
    need(isinstance(value, dict), f"{value!r} is no object")
    for key, kind in required.items():
        need(key in value, f"{key} is missing")
        need(isinstance(value[key], kind), f"{key} is {value[key]!r}")
    for key, item in value.items():
        kinds = {**required, **optional}
        need(key in kinds, f"there is no field {key}")
        need(isinstance(item, kinds[key]), f"{key} is {item!r}")


def of_mime(octets: bytes, recipient: str | None = None) -> Taken:
    """Read a finished message; without an envelope its one To says whose it is."""
    message: EmailMessage = BytesParser(policy=email.policy.default).parsebytes(octets)
    to = [address.addr_spec for address in message["To"].addresses]
    if recipient is None:
        need(len(to) == 1 and not message["Cc"] and not message["Bcc"], f"it goes to {to}")
        recipient = to[0]
    html = message.get_body(("html",))
    return Taken(
        recipient,
        str(message["X-Mailrunner-Delivery"]),
        {name: str(value) for name, value in message.items()},
        html.get_content() if html else "",
    )


def of_fields(recipient: str, headers: dict[str, str], html: str, files: Any = ()) -> Taken:
    lower = {name.lower(): value for name, value in headers.items()}
    need(
        "list-unsubscribe" in lower and "list-unsubscribe-post" in lower, "the link to unsubscribe is missing"
    )
    return Taken(recipient, lower["x-mailrunner-delivery"], headers, html, tuple(files))


def basic(incoming: Incoming) -> str:
    kind, _, value = incoming.headers.get("authorization", "").partition(" ")
    need(kind == "Basic", "there is no Basic authentication")
    return base64.b64decode(value, validate=True).decode()


def bearer(incoming: Incoming) -> None:
    need(incoming.headers.get("authorization") == f"Bearer {KEY}", "the key is not the account's")


def vendors_own(preset: str, value: Any) -> None:
    """Hold the body against the model in the vendor's own package."""
    need(through_vendor_model(preset, value) == value, f"the vendor's model knows {value!r} otherwise")


def fields_file(each: dict[str, Any], name: str, content: str, cid: str) -> tuple[str, str, bytes]:
    return each[name], each.get(cid, "").removeprefix("cid:"), base64.b64decode(each[content], validate=True)


# -- Requests


def gmail(incoming: Incoming) -> Taken:
    need(incoming.target == "/upload/gmail/v1/users/me/messages/send?uploadType=media", incoming.target)
    need(incoming.headers["content-type"] == "message/rfc822", "it is no message")
    bearer(incoming)
    return of_mime(incoming.body)


def graph(incoming: Incoming) -> Taken:
    need(incoming.target == "/v1.0/me/sendMail", incoming.target)
    need(incoming.headers["content-type"] == "text/plain", "MIME goes as text/plain")
    bearer(incoming)
    return of_mime(base64.b64decode(incoming.body, validate=True))


def ses(incoming: Incoming) -> Taken:
    need(incoming.path == "/v2/email/outbound-emails", incoming.target)
    authorization = incoming.headers.get("authorization", "")
    need(authorization.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/"), "it is not signed")
    need("/eu-west-1/ses/aws4_request, SignedHeaders=" in authorization, "its scope is another")
    value = incoming.json()
    optional = {"FromEmailAddress": str, "ConfigurationSetName": str, "EmailTags": list, "TenantName": str}
    shape(value, {"Content": dict, "Destination": dict}, optional)
    vendors_own("ses", value)
    shape(value["Content"], {"Raw": dict}, {})
    shape(value["Content"]["Raw"], {"Data": str}, {})
    shape(value["Destination"], {"ToAddresses": list}, {})
    need(len(value["Destination"]["ToAddresses"]) == 1, "there is not one recipient")
    for tag in value.get("EmailTags", []):
        shape(tag, {"Name": str, "Value": str}, {})
        need(tag["Value"].replace("_", "").replace("-", "").isalnum(), f"the tag {tag} has other letters")
    return of_mime(
        base64.b64decode(value["Content"]["Raw"]["Data"], validate=True),
        value["Destination"]["ToAddresses"][0],
    )


def mailgun(incoming: Incoming) -> Taken:
    need(incoming.path == "/v3/mg.example.org/messages.mime", incoming.target)
    need(basic(incoming) == f"api:{KEY}", "the key is not the account's")
    kind = incoming.headers["content-type"]
    need(kind.startswith("multipart/form-data; boundary="), kind)
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    form = email.message_from_bytes(head + incoming.body, policy=email.policy.HTTP)
    boundary = kind.partition("boundary=")[2].encode()
    need(incoming.body.endswith(b"--" + boundary + b"--\r\n"), "the form has no end")
    values, octets = {}, b""
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if name == "message":
            need(part.get_filename(), "the message is no file")
            before = incoming.body.partition(b'name="message"')[2].partition(b"\r\n\r\n")[2]
            octets = before.rpartition(b"\r\n--" + boundary)[0]
        else:
            values[str(name)] = str(part.get_payload()).strip()
    shape(values, {"to": str, "o:tracking": str}, {"v:mailrunner-delivery": str, "o:tag": str})
    return of_mime(octets, values["to"])


def mandrill(incoming: Incoming) -> Taken:
    need(incoming.path == "/api/1.0/messages/send-raw.json", incoming.target)
    value = incoming.json()
    need(value["key"] == KEY, "the key is not the account's")
    optional: dict[str, type] = {"from_email": str, "ip_pool": str, "return_path_domain": str, "async": bool}
    shape(value, {"key": str, "raw_message": str, "to": list}, optional)
    need(len(value["to"]) == 1, "there is not one recipient")
    taken = of_mime(value["raw_message"].encode(), value["to"][0])
    need(json.loads(taken.headers["X-MC-Metadata"])["delivery"] == taken.token, "the metadata is another's")
    return taken


def smtp2go(incoming: Incoming) -> Taken:
    need(incoming.path == "/v3/email/mime", incoming.target)
    need(incoming.headers.get("x-smtp2go-api-key") == KEY, "the key is not the account's")
    value = incoming.json()
    shape(value, {"mime_email": str}, {"fastaccept": bool})
    need(value["fastaccept"] is False, "failures would be hidden")
    return of_mime(base64.b64decode(value["mime_email"], validate=True))


def sparkpost(incoming: Incoming) -> Taken:
    need(incoming.path == "/api/v1/transmissions", incoming.target)
    need(incoming.headers.get("authorization") == KEY, "the key is not the account's")
    value = incoming.json()
    optional = {"options": dict, "metadata": dict, "return_path": str}
    shape(value, {"recipients": list, "content": dict}, optional)
    shape(value["content"], {"email_rfc822": str}, {})
    need(value["options"]["click_tracking"] is False, "links would be rewritten")
    [one] = value["recipients"]
    shape(one, {"address": dict}, {})
    return of_mime(value["content"]["email_rfc822"].encode(), one["address"]["email"])


def _mailbox(value: Any, email_key: str = "email", name_key: str = "name") -> str:
    shape(value, {email_key: str}, {name_key: str})
    return str(value[email_key])


def _address(text: str) -> str:
    message = email.message_from_string(f"To: {text}\n\n", policy=email.policy.default)
    [address] = message["To"].addresses
    return str(address.addr_spec)


def postmark(incoming: Incoming) -> Taken:
    need(incoming.path == "/email", incoming.target)
    need(incoming.headers.get("x-postmark-server-token") == KEY, "the key is not the account's")
    need(incoming.headers.get("accept") == "application/json", "it accepts no JSON")
    value = incoming.json()
    optional: dict[str, Any] = {
        "HtmlBody": str,
        "TextBody": str,
        "ReplyTo": str,
        "Headers": list,
        "Attachments": list,
    }
    optional |= {"Metadata": dict, "MessageStream": str, "TrackOpens": bool, "TrackLinks": str}
    shape(value, {"From": str, "To": str, "Subject": str}, optional)
    need(value["TrackLinks"] == "None", "links would be rewritten")
    for each in value.get("Attachments", []):
        shape(each, {"Name": str, "Content": str, "ContentType": str}, {"ContentID": str})
        need(each.get("ContentID", "cid:").startswith("cid:"), "a Content-ID begins with cid:")
    for each in value["Headers"]:
        shape(each, {"Name": str, "Value": str}, {})
    headers = {each["Name"]: each["Value"] for each in value["Headers"]}
    files = [fields_file(each, "Name", "Content", "ContentID") for each in value.get("Attachments", [])]
    return of_fields(_address(value["To"]), headers, value["HtmlBody"], files)


def sendgrid(incoming: Incoming) -> Taken:
    need(incoming.path == "/v3/mail/send", incoming.target)
    bearer(incoming)
    value = incoming.json()
    optional = {"reply_to": dict, "headers": dict, "attachments": list, "tracking_settings": dict}
    shape(value, {"personalizations": list, "from": dict, "subject": str, "content": list}, optional)
    [one] = value["personalizations"]
    shape(one, {"to": list}, {"custom_args": dict})
    need(
        [each["type"] for each in value["content"]] in (["text/plain", "text/html"], ["text/plain"]),
        "the order",
    )
    need(all(isinstance(text, str) for text in one.get("custom_args", {}).values()), "an argument is no text")
    banned = {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "to", "from", "subject"}
    need(not banned & {name.lower() for name in value["headers"]}, "a reserved header field")
    need(value["tracking_settings"]["click_tracking"]["enable"] is False, "links would be rewritten")
    for each in value.get("attachments", []):
        kinds = {"type": str, "disposition": str, "content_id": str}
        shape(each, {"content": str, "filename": str}, kinds)
    files = [fields_file(each, "filename", "content", "content_id") for each in value.get("attachments", [])]
    return of_fields(_mailbox(one["to"][0]), value["headers"], value["content"][-1]["value"], files)


def brevo(incoming: Incoming) -> Taken:
    need(incoming.path == "/v3/smtp/email", incoming.target)
    need(incoming.headers.get("api-key") == KEY, "the key is not the account's")
    value = incoming.json()
    optional = {"textContent": str, "headers": dict, "attachment": list, "replyTo": dict, "tags": list}
    shape(value, {"sender": dict, "to": list, "subject": str, "htmlContent": str}, optional)
    need(all(text.isascii() for text in value["headers"].values()), "a header field is not ASCII")
    need(isinstance(json.loads(value["headers"]["X-Mailin-custom"]), dict), "the metadata is no JSON")
    for each in value.get("attachment", []):
        shape(each, {"name": str, "content": str}, {})
    files = [fields_file(each, "name", "content", "") for each in value.get("attachment", [])]
    return of_fields(_mailbox(value["to"][0]), value["headers"], value["htmlContent"], files)


def resend(incoming: Incoming) -> Taken:
    need(incoming.path == "/emails", incoming.target)
    bearer(incoming)
    value = incoming.json()
    optional = {"html": str, "text": str, "headers": dict, "attachments": list, "reply_to": str, "tags": list}
    shape(value, {"from": str, "to": list, "subject": str}, optional)
    vendors_own("resend", value)
    need(1 <= len(incoming.headers.get("idempotency-key", "")) <= 256, "there is no idempotency key")
    for each in value.get("tags", []):
        shape(each, {"name": str, "value": str}, {})
        need(each["value"].replace("_", "").replace("-", "").isalnum(), f"the tag {each} has other letters")
    for each in value.get("attachments", []):
        shape(each, {"filename": str, "content": str}, {"content_type": str, "content_id": str})
    files = [fields_file(each, "filename", "content", "content_id") for each in value.get("attachments", [])]
    return of_fields(_address(value["to"][0]), value["headers"], value["html"], files)


def mailjet(incoming: Incoming) -> Taken:
    need(incoming.path == "/v3.1/send", incoming.target)
    need(basic(incoming) == f"{KEY}:{SECRET}", "the keys are not the account's")
    outer = incoming.json()
    shape(outer, {"Messages": list}, {"SandboxMode": bool})
    [value] = outer["Messages"]
    optional: dict[str, Any] = {
        "TextPart": str,
        "HTMLPart": str,
        "Headers": dict,
        "Attachments": list,
        "InlinedAttachments": list,
    }
    optional |= {"ReplyTo": dict, "CustomID": str, "TrackOpens": str, "TrackClicks": str}
    shape(value, {"From": dict, "To": list, "Subject": str}, optional)
    need(value["TrackClicks"] == "disabled", "links would be rewritten")
    every = [*value.get("Attachments", []), *value.get("InlinedAttachments", [])]
    for each in every:
        kinds = {"ContentType": str, "Filename": str, "Base64Content": str}
        shape(each, kinds, {"ContentID": str})
    files = [fields_file(each, "Filename", "Base64Content", "ContentID") for each in every]
    return of_fields(_mailbox(value["To"][0], "Email", "Name"), value["Headers"], value["HTMLPart"], files)


def mailtrap(incoming: Incoming) -> Taken:
    need(incoming.path == "/api/send", incoming.target)
    bearer(incoming)
    value = incoming.json()
    optional: dict[str, Any] = {"text": str, "html": str, "headers": dict, "attachments": list}
    optional |= {"custom_variables": dict, "reply_to": dict, "category": str}
    shape(value, {"from": dict, "to": list, "subject": str}, optional)
    vendors_own("mailtrap", value)
    for each in value.get("attachments", []):
        kinds = {"type": str, "disposition": str, "content_id": str}
        shape(each, {"content": str, "filename": str}, kinds)
    files = [fields_file(each, "filename", "content", "content_id") for each in value.get("attachments", [])]
    return of_fields(_mailbox(value["to"][0]), value["headers"], value["html"], files)


# -- Answers


def _json(status: int, value: Any, **headers: str) -> Answer:
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"Content-Type": "application/json", **fields}, value


YES: dict[str, Callable[[int, Taken], Answer]] = {
    "gmail": lambda n, _: _json(200, {"id": f"18c{n:x}", "threadId": f"18c{n:x}", "labelIds": ["SENT"]}),
    "microsoft365": lambda n, _: (202, {}, None),
    "ses": lambda n, _: _json(200, {"MessageId": f"0102018c-{n}"}),
    "mailgun": lambda n, _: _json(200, {"id": f"<{n}@mg.example.org>", "message": "Queued. Thank you."}),
    "mandrill": lambda n, t: _json(
        200, [{"email": t.recipient, "status": "sent", "_id": f"{n:032x}", "reject_reason": None}]
    ),
    "smtp2go": lambda n, _: _json(
        200, {"request_id": "r", "data": {"succeeded": 1, "failed": 0, "failures": [], "email_id": f"1r{n}"}}
    ),
    "sparkpost": lambda n, _: _json(
        200, {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": str(n)}}
    ),
    "postmark": lambda n, t: _json(
        200, {"To": t.recipient, "MessageID": f"b7bc-{n}", "ErrorCode": 0, "Message": "OK"}
    ),
    "sendgrid": lambda n, _: (202, {"X-Message-Id": f"14c5d75ce93.{n}"}, None),
    "brevo": lambda n, _: _json(201, {"messageId": f"<{n}@smtp-relay.mailin.fr>"}),
    "resend": lambda n, _: _json(200, {"id": f"49a3999c-{n}"}),
    "mailjet": lambda n, t: _json(
        200, {"Messages": [{"Status": "success", "To": [{"Email": t.recipient, "MessageID": n}]}]}
    ),
    "mailtrap": lambda n, _: _json(200, {"success": True, "message_ids": [f"0c7fd939-{n}"]}),
}

READ: dict[str, Callable[[Incoming], Taken]] = {
    "gmail": gmail,
    "microsoft365": graph,
    "ses": ses,
    "mailgun": mailgun,
    "mandrill": mandrill,
    "smtp2go": smtp2go,
    "sparkpost": sparkpost,
    "postmark": postmark,
    "sendgrid": sendgrid,
    "brevo": brevo,
    "resend": resend,
    "mailjet": mailjet,
    "mailtrap": mailtrap,
}

PRESET_OF = {
    **{f"{name}-api": name for name in READ},
    "graph": "microsoft365",
}
"""The preset by the provider's name in `tests/data/http_replies.csv`."""


def error(preset: str, status: int, name: str, text: str) -> Answer:
    """The answer with which a provider says an error of this name and text: its own envelope."""
    special = {"ses": _ses_error, "mandrill": _mandrill_error, "smtp2go": _smtp2go_error}
    if preset in special:
        return special[preset](status, name, text)
    if preset == "sparkpost" and status == 200:
        results = {"total_rejected_recipients": 1, "total_accepted_recipients": 0, "id": "1"}
        return _json(200, {"results": {**results, "rcpt_to_errors": [{"code": name, "message": text}]}})
    return _json(status, _plain_error(preset, status, name, text))


def _ses_error(status: int, name: str, text: str) -> Answer:
    return _json(status, {"message": text}, x_amzn_ErrorType=f"{name}:http://internal.amazon.com/")


def _smtp2go_error(status: int, name: str, text: str) -> Answer:
    if name.startswith("failed="):
        data = {"succeeded": 0, "failed": int(name[7:]), "failures": [text], "email_id": ""}
        return _json(status, {"request_id": "r", "data": data})
    return _json(status, {"request_id": "r", "data": {"error_code": name, "error": text}})


def _mandrill_error(status: int, name: str, text: str) -> Answer:
    if status == 200:
        field = "queued_reason" if name == "queued" else "reject_reason"
        return _json(200, [{"email": "a@b", "status": name, "_id": "1", field: text or None}])
    if not name:
        return status, {"Content-Type": "text/plain"}, b""
    return _json(status, {"status": "error", "code": -1, "name": name, "message": text})


def _plain_error(preset: str, status: int, name: str, text: str) -> Any:
    inner = [{"domain": "global", "reason": name, "message": text}] if name else []
    return {
        "gmail": {"error": {"code": status, "message": text, "errors": inner}},
        "microsoft365": {"error": {"code": name, "message": text}},
        "postmark": {"ErrorCode": int(name), "Message": text} if name.isdigit() else {},
        "mailgun": {"message": text},
        "sparkpost": {"errors": [{"message": text, "code": name}]},
        "sendgrid": {"errors": [{"message": text, "field": name or None, "help": None}]},
        "brevo": {"code": name, "message": text},
        "resend": {"statusCode": 0, "name": name, "message": text},
        "mailjet": {"ErrorIdentifier": "x", "ErrorCode": name, "ErrorMessage": text},
        "mailtrap": {"success": False, "errors": [text]},
    }[preset]


# -- Look-ups


def _mandrill_search(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    value = incoming.json()
    shape(value, {"key": str, "query": str}, {"limit": int, "date_from": str, "date_to": str, "tags": list})
    wanted = value["query"].removeprefix("email:")
    found = [{"_id": "1", "email": each.recipient, "metadata": {"delivery": each.token}} for each in taken]
    return _json(200, [each for each in found if each["email"] == wanted])


def _smtp2go_search(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    value = incoming.json()
    shape(value, {"search_recipient": str}, {"start_date": str, "end_date": str, "custom_headers": list})
    wanted = [each for each in taken if each.recipient == value["search_recipient"]]
    events = [{"event": "processed", "X-Mailrunner-Delivery": each.token} for each in wanted]
    return _json(200, {"request_id": "r", "data": {"events": events, "total_events": len(events)}})


def _mailgun_events(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    need(basic(incoming) == f"api:{KEY}", "the key is not the account's")
    wanted = f"<{incoming.query['message-id']}>", incoming.query["recipient"]
    found = [each for each in taken if (each.headers["Message-ID"], each.recipient) == wanted]
    return _json(200, {"items": [{"event": "accepted"} for _ in found], "paging": {}})


def _gmail_get(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    bearer(incoming)
    if incoming.path.endswith("/messages"):
        wanted = incoming.query["q"].split("to:")[1].split()[0]
        numbers = [n for n, each in enumerate(taken) if each.recipient == wanted]
        return _json(
            200, {"messages": [{"id": str(n)} for n in numbers]} if numbers else {"resultSizeEstimate": 0}
        )
    need(incoming.query["metadataHeaders"] == "X-Mailrunner-Delivery", incoming.target)
    token = taken[int(incoming.path.rpartition("/")[2])].token
    return _json(200, {"payload": {"headers": [{"name": "X-Mailrunner-Delivery", "value": token}]}})


def _graph_get(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    bearer(incoming)
    wanted = incoming.query["$filter"].partition("'")[2].rstrip("'")
    found = [each for each in taken if each.headers["Message-ID"] == wanted]
    return _json(200, {"value": [{"id": "AAMk"} for _ in found]})


def _sparkpost_events(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    need(incoming.headers.get("authorization") == KEY, "the key is not the account's")
    wanted = [each for each in taken if each.recipient == incoming.query["recipients"]]
    return _json(200, {"results": [{"rcpt_meta": {"delivery": each.token}} for each in wanted]})


def _postmark_search(incoming: Incoming, taken: Sequence[Taken]) -> Answer:
    need(incoming.headers.get("x-postmark-server-token") == KEY, "the key is not the account's")
    wanted = incoming.query["recipient"], incoming.query["metadata_delivery"]
    found = [each for each in taken if (each.recipient, each.token) == wanted]
    return _json(200, {"TotalCount": len(found), "Messages": []})


LOOKUPS: dict[str, tuple[str, Callable[[Incoming, Sequence[Taken]], Answer]]] = {
    "gmail": ("/gmail/v1/users/me/messages", _gmail_get),
    "microsoft365": ("/v1.0/me/mailFolders/sentitems/messages", _graph_get),
    "mailgun": ("/v3/mg.example.org/events", _mailgun_events),
    "mandrill": ("/api/1.0/messages/search.json", _mandrill_search),
    "smtp2go": ("/v3/activity/search", _smtp2go_search),
    "sparkpost": ("/api/v1/events/message", _sparkpost_events),
    "postmark": ("/messages/outbound", _postmark_search),
}
"""Where each provider is asked whether it took a message, and what it answers."""


def ses_account(day: float = 1_000_000.0, rate: float = 10_000.0, sent: float = 0.0) -> Answer:
    """What GetAccount answers."""
    quota = {"Max24HourSend": day, "MaxSendRate": rate, "SentLast24Hours": sent}
    return _json(200, {"SendQuota": quota, "SendingEnabled": True, "ProductionAccessEnabled": True})


def quota(incoming: Incoming, told: Answer) -> Answer:
    """What an account's limits are answered with, to its key."""
    pair = base64.b64encode(f"api:{KEY}".encode())
    seen = repr(sorted(incoming.headers.items())).encode() + incoming.body
    need(KEY.encode() in seen or pair in seen, "the key is not the account's")
    return told


QUOTAS: dict[str, tuple[str, Answer]] = {
    "ses": ("/v2/email/account", ses_account()),
    "mailgun": ("/v5/accounts/limit/custom/monthly", _json(404, {"message": "No custom limit found"})),
    "mandrill": ("/api/1.0/users/info.json", _json(200, {"username": "u", "hourly_quota": 1_000_000})),
    "smtp2go": (
        "/v3/stats/email_cycle",
        _json(200, {"request_id": "r", "data": {"cycle_used": 7, "cycle_remaining": 993, "cycle_max": 1000}}),
    ),
    "sparkpost": (
        "/api/v1/account",
        _json(200, {"results": {"usage": {"day": {"used": 3, "limit": -1}, "month": {"used": 3}}}}),
    ),
    "sendgrid": (
        "/v3/user/credits",
        _json(200, {"remain": 100_000, "total": 100_000, "used": 0, "reset_frequency": "monthly"}),
    ),
    "brevo": (
        "/v3/account",
        _json(200, {"plan": [{"type": "subscription", "creditsType": "sendLimit", "credits": 100_000}]}),
    ),
}
"""Where each provider is asked for an account's limits, and what the fake's account is told."""
