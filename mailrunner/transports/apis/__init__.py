"""HTTP APIs of mail providers: one small module each, which knows the shape of requests and answers.

A module's class says what is written for a message (`request`), what an answer says (`read`), what the
provider cannot carry (`refuses`) and, where it can be asked, whether it took a message (`ask`).  It does no
I/O, raises nothing on what a server may answer, and judges nothing: that is `mailrunner.replies.http`.
To add one, write its module, list it in `apis/registry.py` and in `data/apis.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from mailrunner.errors import MailrunnerError
from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.model.told_quota import ToldQuota
from mailrunner.transports import Envelope
from mailrunner.transports.apis.bearer import Bearer
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

Call = Callable[[HttpRequest], HttpAnswer]
"""Waits for the answer to a request that changes nothing; raises `ApiUnavailableError`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApiSettings:
    """The settings that an account gives its API.

    `url` is scheme and host without a slash at the end.  `bearer` gives the key, or the token that stands
    for it; the rest is "" where the account has none.  `mailbox` is set where an app without a mailbox of
    its own sends for it.
    """

    url: str
    bearer: Bearer
    secret: str = ""
    session: str = ""
    region: str = ""
    stream: str = ""
    domain: str = ""
    mailbox: str = ""


class ApiAnswer(NamedTuple):
    """An answer that was read; `taken`, `name`, `text` and `id` as in `replies.http.HttpReply`."""

    taken: bool | None
    name: str = ""
    text: str = ""
    id: str = ""


class AttachedFile(Protocol):
    """A file beside the text: `content` is its base64 without line breaks, `content_id` "" where none."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def content_id(self) -> str: ...
    @property
    def content(self) -> str: ...


class ApiMessage(Envelope, Protocol):
    """A message as its bytes and as its pieces; `headers` are the other fields, as they are encoded.

    `delivery_token` names its delivery, "" where it has none.
    """

    @property
    def delivery_token(self) -> str: ...
    @property
    def from_(self) -> MailboxAddress: ...
    @property
    def to(self) -> MailboxAddress: ...
    @property
    def reply_to(self) -> MailboxAddress | None: ...
    @property
    def subject(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...
    @property
    def html(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def files(self) -> Sequence[AttachedFile]: ...
    def addressed(self) -> bytes:
        """`data`, its field To naming `recipient` alone: for APIs without an envelope."""
        ...


class AskedMessage(NamedTuple):
    """A message in doubt; `message_id` has its angle brackets, `attempted_at` is None where not known."""

    message_id: str
    recipient: str
    token: str
    attempted_at: datetime | None


class Api(Protocol):
    """One provider's API.

    `provider` is its name in the table of answers.  `repeats` is true where a request that was taken may
    be repeated without a second message (Idempotency-Key).  `max_bytes` is the largest message.
    """

    provider: str
    repeats: bool
    max_bytes: int

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        """The request that hands `message` over."""
        ...

    def key_request(self, now: datetime) -> HttpRequest:
        """The same request without a message and a recipient, which no API can send.

        A key that may send is told what is missing, another one is refused.
        """
        ...

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        """What an answer to these requests says."""
        ...

    def refuses(self, message: ApiMessage) -> str:
        """Why this message cannot go by this API, as a sentence; "" where it can."""
        ...


class AskableApi(Api, Protocol):
    """One that can be asked whether it took a message.

    `place` is where it looks, in words; `is_complete`: every message that it took is found there.
    """

    place: str
    is_complete: bool

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """True where the provider has the message.

        Raises ApiUnavailableError where it cannot be asked, or does not let this key ask.
        """
        ...


class TellingApi(Api, Protocol):
    """One that tells an account's limits; `quota_right` is what a key must be allowed for that."""

    quota_right: str

    def quota_request(self, now: datetime) -> HttpRequest:
        """The request that asks for them."""
        ...

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """What an answer tells; None where it does not tell this key."""
        ...


class ApiUnavailableError(MailrunnerError):
    """The API cannot be asked now, or does not let this key ask; a sentence."""
