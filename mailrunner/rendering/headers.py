"""The header fields of a message, List-Unsubscribe among them, such that no value becomes another field.

Every field is built from a value that was checked first (`single_line`): CR, LF and NUL are refused,
never removed.  What is not plain ASCII becomes encoded-words; a structured field such as
List-Unsubscribe stays on one physical line, as mail clients cannot use a URI that was broken or encoded.

Nearly every value is short and plain and takes a short cut, which gives the same field as the long way (a
property test holds the two together).  `str.isprintable` is false for every control character, for line
breaks of any kind and for lone surrogates, so where it is true nothing can be smuggled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from mailrunner.errors import Problem, RowError
from mailrunner.model.mailbox_address import MailboxAddress, mailboxes
from mailrunner.model.tokens import a_label
from mailrunner.rendering.encoded_words import (
    ATOMS,
    LINE,
    LONGEST_WORD,
    encoded_words,
    folded,
    is_plain,
    phrase,
)
from mailrunner.rendering.mime import MessageFields
from mailrunner.rendering.segments import LineTemplate

_LONGEST = 998  # RFC 5322 §2.1.1
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_DOT_ATOM = re.compile(r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,.\"]+(?:\.[^\s\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)*")
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')  # of a recipient: "a..b"@docomo.ne.jp (RFC 5321 §4.1.2)
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\]")
_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<address>[^<>]*)>", re.DOTALL)
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"  # RFC 8058 §3.1
_SECOND = timedelta(seconds=1)


class MessageHeaders:
    """The header fields of one campaign's messages, but those of the MIME structure."""

    def __init__(
        self,
        *,
        sender: str,
        reply_to: str | None,
        list_id: str,
        is_bulk: bool,
        extra: Mapping[str, LineTemplate],
    ) -> None:
        """`extra` are the campaign's own fields, `list_id` is for bulk messages alone.

        Afterwards `problems` lists what is wrong with the fields that all messages share.
        """
        self._extra, self._is_bulk = extra, is_bulk
        self._date = (datetime.fromtimestamp(0, UTC), b"")
        fixed, self.problems = _fixed_fields(sender, reply_to, list_id if is_bulk else "", extra)
        self._fixed = b"\r\n".join(fixed)

    def lines(
        self,
        fields: MessageFields,
        to: MailboxAddress,
        subject: str,
        context: Mapping[str, object],
        now: datetime,
    ) -> list[bytes]:
        """The fields of one message; raises RowError for a value that cannot stand in one."""
        lines = [
            self._date_field(now),
            self._fixed,
            mailbox_field("To", to if to.name.isprintable() else _checked(to, context)),
            text_field("Subject", subject),
            token_field("Message-ID", fields.message_id),
            token_field("X-Mailrunner-Delivery", fields.delivery_token),
        ]
        if self._is_bulk and fields.list_unsubscribe:
            unsubscribe = uri_field("List-Unsubscribe", fields.list_unsubscribe)
            lines.append(unsubscribe)
            # RFC 8058 §3.1: List-Unsubscribe-Post needs an https URI beside it; no URI holds a "<".
            if fields.one_click and b"<https://" in unsubscribe.lower():
                lines.append(_ONE_CLICK)
        if self._extra:
            lines += self._extra_fields(context)
        return lines

    def _date_field(self, now: datetime) -> bytes:
        """The field changes once a second, which is many messages."""
        second, field = self._date
        # Equal times may be of different zones, or an hour apart when the clocks go back.
        if not (second <= now < second + _SECOND and now.tzinfo is second.tzinfo and now.fold == second.fold):
            second = now.replace(microsecond=0)
            field = token_field("Date", format_datetime(second))
            self._date = (second, field)
        return field

    def _extra_fields(self, context: Mapping[str, object]) -> Iterator[bytes]:
        """The campaign's own header fields; one that is empty for this row is left out."""
        for name, line in self._extra.items():
            value = row_line(line.render(context), f"the header {name}", context).strip()
            if value:
                yield text_field(name, value)


def _fixed_fields(
    sender: str, reply_to: str | None, list_id: str, extra: Iterable[str]
) -> tuple[tuple[bytes, ...], list[Problem]]:
    """The fields that are the same for all recipients, and what is wrong with them."""
    makers: dict[str, Callable[[], bytes]] = {
        "message.from": lambda: mailbox_field("From", parsed_mailbox(sender))
    }
    if reply_to:
        makers["message.reply_to"] = lambda: mailboxes_field("Reply-To", reply_to)
    if list_id:
        makers["list"] = lambda: list_id_field(list_id)
        if not any(name.lower() == "precedence" for name in extra):
            makers["message.headers"] = lambda: token_field("Precedence", "bulk")
    fields: list[bytes] = []
    problems: list[Problem] = []
    for key, make in makers.items():
        try:
            fields.append(make())
        except RowError as error:
            problems.append(Problem(str(error), key=key))
    return tuple(fields), problems


def single_line(value: str, what: str) -> str:
    """Return `value` if it may stand in a header field; raise RowError, naming `what`, if not."""
    if value.isprintable():
        return value
    for character, name in (("\r", "line break"), ("\n", "line break"), ("\0", "NUL character")):
        if character in value:
            raise RowError(f"{what} contains a {name}: {value!r}")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise RowError(f"{what} contains half a character (a lone surrogate): {value!r}")
    return value


def row_line(value: str, what: str, context: Mapping[str, object]) -> str:
    """As `single_line`, for a value out of a row: the sentence names the column at fault."""
    try:
        return single_line(value, what)
    except RowError as error:
        column = next((name for name, cell in context.items() if _spoils(cell, value)), "")
        raise RowError(f"{column}: {error}" if column else str(error)) from None


def _spoils(cell: object, value: str) -> bool:
    """True for a cell that stands in a value, with something that may not."""
    return isinstance(cell, str) and not cell.isprintable() and cell.strip() in value


def _checked(to: MailboxAddress, context: Mapping[str, object]) -> MailboxAddress:
    return MailboxAddress(row_line(to.name, "the name in To", context), to.address)


def parsed_mailbox(text: str) -> MailboxAddress:
    """Read what a file gives as From or Reply-To, its address ready for the wire; RowError if it is none."""
    try:
        written = MailboxAddress.parse(single_line(text, "it"))
    except ValueError as error:
        raise RowError(str(error)) from None
    return MailboxAddress(written.name, wire_address(written.address, "the address"))


def wire_address(address: str, what: str) -> str:
    """Return the address with its domain as A-label; raise RowError if it cannot go over the wire."""
    if _PLAIN_ADDRESS.fullmatch(address):
        return address
    local, at, domain = single_line(address, what).rpartition("@")
    try:
        domain = a_label(domain)
    except ValueError:
        raise RowError(f'{what}: "{domain}" is not a domain') from None
    is_local = _DOT_ATOM.fullmatch(local) or (local.isprintable() and _QUOTED_STRING.fullmatch(local))
    if not (at and is_local and _DOMAIN.fullmatch(domain)):
        raise RowError(f'{what}: "{address}" is not an e-mail address')
    return f"{local}@{domain}"


def text_field(name: str, value: str) -> bytes:
    """An unstructured field, such as Subject; the value comes back exactly, less outer blanks."""
    if _fits(value, LINE - len(name) - 2):
        return f"{name}: {value}".encode("ascii")
    return long_text_field(name, value)


@lru_cache(maxsize=4096)  # a name that is not plain ASCII stands in the subject of many messages
def long_text_field(name: str, value: str) -> bytes:
    """As `text_field`, without the short cut."""
    value = single_line(value, name).strip()
    if is_plain(value):
        return folded(name, value.split(" "))
    return folded(name, encoded_words(value, len(name) + 2))


def mailbox_field(name: str, mailbox: MailboxAddress) -> bytes:
    """An address field; with an SMTPUTF8 address the field is raw UTF-8 (RFC 6532), else ASCII.

    Blanks around a display name are no part of it.
    """
    if _fits(mailbox.name, LINE - len(name) - len(mailbox.address) - 5) and ATOMS.fullmatch(mailbox.name):
        return f"{name}: {mailbox.name} <{mailbox.address}>".encode()
    return long_mailbox_field(name, mailbox)


def long_mailbox_field(name: str, mailbox: MailboxAddress) -> bytes:
    """As `mailbox_field`, without the short cut."""
    shown = single_line(mailbox.name, f"the name in {name}").strip()
    if not shown:
        return f"{name}: {mailbox.address}".encode()
    return folded(name, [*phrase(shown, len(name) + 2), f"<{mailbox.address}>"])


def parsed_mailboxes(text: str) -> list[MailboxAddress]:
    """Read what a file gives as Reply-To, one mailbox or several, ready for the wire; else RowError."""
    try:
        written = mailboxes(single_line(text, "it"))
    except ValueError as error:
        raise RowError(str(error)) from None
    return [MailboxAddress(one.name, wire_address(one.address, "the address")) for one in written]


def mailboxes_field(name: str, text: str) -> bytes:
    """An address field with one mailbox or several (RFC 5322 §3.6.2); RowError for what is none."""
    ready = parsed_mailboxes(text)
    if len(ready) == 1:
        return mailbox_field(name, ready[0])
    words: list[str] = []
    for mailbox in ready:
        address = f"<{mailbox.address}>" if mailbox.name else mailbox.address
        words += [*phrase(mailbox.name, len(name) + 2), address] if mailbox.name else [address]
        words[-1] += ","
    words[-1] = words[-1].removesuffix(",")
    return folded(name, words)


def list_id_field(value: str) -> bytes:
    """List-Id: a phrase and an identifier in angle brackets (RFC 2919)."""
    match = _NAMED.fullmatch(single_line(value, "List-Id").strip())
    name, identifier = (match["name"], match["address"]) if match else ("", value.strip())
    if not _is_uri(identifier):
        raise RowError(f'List-Id: "{identifier}" is not a list identifier')
    return folded("List-Id", [*phrase(name.strip('" '), len("List-Id: ")), f"<{identifier}>"])


def token_field(name: str, value: str) -> bytes:
    """A field that stands verbatim on one line: Message-ID, Date, a token."""
    plain = value and value.isascii() and value.isprintable()
    if not plain or len(name) + 2 + len(value) > _LONGEST:
        raise RowError(f"{name}: {value!r} cannot stand in a header field")
    return f"{name}: {value}".encode("ascii")


def uri_field(name: str, uris: Iterable[str]) -> bytes:
    """URIs in angle brackets (RFC 2369), on one line: some readers do not unfold, none decodes."""
    listed = tuple(uris)
    if not (all(listed) and _is_uri("".join(listed))):
        uri = next(uri for uri in listed if not _is_uri(uri))
        raise RowError(f"{name}: {uri!r} is not a URI; blanks and other characters must be percent-encoded")
    return token_field(name, f"<{'>, <'.join(listed)}>")


def _fits(value: str, room: int) -> bool:
    """True if `value` is plain and short enough to stand on its field's line as it is."""
    return (
        0 < len(value) <= room
        and value.isascii()
        and value.isprintable()
        and value[0] != " " != value[-1]
        and "  " not in value
        and "=?" not in value
        and (len(value) < LONGEST_WORD or max(map(len, value.split(" "))) < LONGEST_WORD)
    )


def _is_uri(text: str) -> bool:
    """True if it is all visible ASCII, without what would end a URI in angle brackets."""
    return (
        bool(text)
        and text.isascii()
        and text.isprintable()
        and not (" " in text or "<" in text or ">" in text)
    )
