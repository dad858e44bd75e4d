"""Shared by the modules of the APIs: JSON, names, attachments, logins."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.transports.apis import ApiMessage, ApiSettings, AttachedFile
from mailrunner.transports.http_request import HttpAnswer, HttpRequest, json_body

MIB = 1 << 20


class BaseApi:
    """The settings of an account, and what most APIs answer and refuse."""

    provider = ""
    repeats = False
    max_bytes = 25 * MIB
    place = ""  # where one that can be asked looks
    is_complete = True
    quota_right = ""  # what the key of one that tells an account's limits must be allowed

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings

    def key_request(self, now: datetime) -> HttpRequest:
        """A submission of nothing, by which the key is tried."""
        return self._submission({})

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        """The request that hands over `value`, which may lack everything."""
        raise NotImplementedError

    def refuses(self, message: ApiMessage) -> str:
        """The size, and characters outside ASCII before the @: APIs refuse or garble those (RFC 6531)."""
        if len(message.data) > self.max_bytes:
            most = f"{self.max_bytes / MIB:g} MiB"
            return f"the message has {len(message.data) / MIB:.1f} MiB, and this API takes {most}"
        if message.smtputf8 or not message.recipient.isascii():
            return "the address has characters outside ASCII before the @, which this API cannot carry"
        return ""

    def _post(self, target: str, value: Any, *headers: tuple[str, str]) -> HttpRequest:
        fields = (("Content-Type", "application/json"), ("Accept", "application/json"), *headers)
        return HttpRequest("POST", target, fields, json_body(value))

    def _authorized(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self._settings.bearer()}"


def basic(user: str, password: str) -> tuple[str, str]:
    """The header field of HTTP's basic authentication (RFC 7617)."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def dig(value: Any, *path: str | int) -> Any:
    """What stands in JSON at a path of keys and places; None where there is no such place."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def words(*values: Any) -> str:
    """The first value that is a text or a number, as text; "" without one."""
    for value in values:
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return ""


def raw_text(answer: HttpAnswer) -> str:
    """The beginning of an answer that is no JSON, for the user; pages say nothing that helps."""
    return "" if answer.is_page else answer.body[:2000].decode("utf-8", "replace")


def display(mailbox: MailboxAddress) -> str:
    """`"Ana Pop" <ana@example.org>`, the name quoted (RFC 5322 §3.2.4)."""
    if not mailbox.name:
        return mailbox.address
    escaped = mailbox.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{mailbox.address}>'


def as_object(mailbox: MailboxAddress, email: str = "email", name: str = "name") -> dict[str, str]:
    """A mailbox as an object with an e-mail address and, if there is one, a name."""
    return {email: mailbox.address, **({name: mailbox.name} if mailbox.name else {})}


def headers_without(message: ApiMessage, taken: Sequence[str] = ()) -> dict[str, str]:
    """The message's own header fields by name, but those in `taken` (lower case)."""
    return {name: value for name, value in message.headers if name.lower() not in taken}


def attachment(file: AttachedFile) -> dict[str, Any]:
    """A file in the spelling of SendGrid, which Mailtrap took over."""
    return given(
        content=file.content,
        filename=file.name,
        type=file.media_type,
        disposition="inline" if file.content_id else "attachment",
        content_id=file.content_id,
    )


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def cut_yes(answer: HttpAnswer) -> bool | None:
    """For a provider whose 2xx is a yes: True where only its body was cut, None where another answered."""
    if answer.status >= 300:
        return False
    return None if answer.whole or answer.is_page else True
