"""A mailbox as it stands in a header: an address, perhaps with a display name (RFC 5322 §3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAMES = {"\r": "a carriage return", "\n": "a line break", "\0": "a NUL character", "\t": "a tab"}
_NAME_ADDR = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([^"()<>\[\]:;@\\,]*))\s*<([^<>]*)>')
_BETWEEN = re.compile(r',(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)', re.DOTALL)  # a comma outside of quotes
_HINT = 'write "ana@example.org" or "Ana Pop <ana@example.org>", and a name with a comma in double quotes'


@dataclass(frozen=True, slots=True)
class MailboxAddress:
    """`Ana Pop <ana@example.org>`; `name` is "" where the address stands alone."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> MailboxAddress:
        """Read one mailbox; raise ValueError with a hint.

        A dot in the name needs no quotes ("Club Inc."), as in RFC 5322's obsolete form; comments and
        groups are not taken.  The domain may be any that mail can go to, and `.test` (RFC 6761 §6.2).
        """
        refuse_control_characters(text)
        found = _NAME_ADDR.fullmatch(text.strip())
        if found:
            quoted, plain, address = found.groups()
            name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            return cls(name.strip(), check_address(address))
        if re.search(r'[\s<>",;]', text.strip()) or "@" not in text:
            raise ValueError(f'"{text}" is not one address; {_HINT}')
        return cls("", check_address(text))


def mailboxes(text: str) -> list[MailboxAddress]:
    """Read one mailbox or several, with commas between them (RFC 5322 §3.4); raise ValueError with a hint."""
    refuse_control_characters(text)
    parts = [part for part in _BETWEEN.split(text) if part.strip()]
    if not parts:
        raise ValueError(f"is empty; {_HINT}")
    return [MailboxAddress.parse(part) for part in parts]


def check_address(text: str) -> str:
    """Return the address as it is written, without blanks around it; raise ValueError if it is none.

    Its local part must be ASCII: a sender outside it could write only to servers with SMTPUTF8.
    """
    from email_validator import EmailNotValidError, validate_email

    address = text.strip()
    try:
        validate_email(address, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f'"{address}" is not a valid address; {str(error).rstrip(".")}') from None
    if not address.rpartition("@")[0].isascii():
        raise ValueError(
            f'"{address}" is not an address for a sender; use letters without accents before the @'
        )
    return address


def refuse_control_characters(text: str) -> str:
    """Return `text`; raise ValueError where it could begin a new header (CR, LF) or end a string (NUL)."""
    if found := _CONTROL.search(text):
        raise ValueError(f"contains {_NAMES.get(found[0], 'a control character')}; a header must be one line")
    return text
