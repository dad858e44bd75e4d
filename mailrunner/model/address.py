"""E-mail addresses: their validation, their form in the envelope, and the key that tells recipients apart.

`email-validator` is the authority on what is an address; a plain ASCII address whose domain it has
already seen takes a short cut that gives the same answer (a property test holds the two together).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

LONGEST = 254  # octets, RFC 5321 §4.5.3.1.3 less the angle brackets

# Line ends are not among them: an address with CR or LF in it is refused, never corrected in silence.
BLANKS = " \t\u00a0\u200b\ufeff"

# A dot-atom (RFC 5322 §3.2.3) of at most 64 octets (RFC 5321 §4.5.3.1.1); rarer characters go the long way.
_PLAIN_LOCAL = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*\Z").match


class Address(NamedTuple):
    """One valid address.

    `wire` goes into the envelope: the local part in its own spelling (composed, RFC 6532 §3.1), the
    domain as A-labels.  `key` tells recipients apart: local part casefolded too; plus-tags and dots stay.
    `smtputf8` says that the server must offer SMTPUTF8 (RFC 6531).
    """

    wire: str
    key: str
    smtputf8: bool
    domain: str


def normalise(text: str, *, test_domains: bool = False) -> Address:
    """Read one address; blanks around it do not matter.

    `test_domains` accepts the reserved `.test` (RFC 6761) too.  Raise ValueError, with a sentence, for
    what is no address that mail could be delivered to from anywhere.
    """
    written = text.strip(BLANKS)
    local, _, domain = written.rpartition("@")
    if _PLAIN_LOCAL(local) and len(written) <= LONGEST:
        known = _plain_domain(domain, test_domains)
        if known:
            return Address(f"{local}@{known}", f"{local.lower()}@{known}", False, known)
    return by_the_book(written, test_domains=test_domains)


def by_the_book(written: str, *, test_domains: bool = False) -> Address:
    """Read one trimmed address without the short cut; see `normalise`."""
    from email_validator import EmailNotValidError, validate_email

    if not written:
        raise ValueError("the address is empty")
    try:
        found = validate_email(
            written,
            check_deliverability=False,
            strict=True,
            allow_quoted_local=True,  # "a..b"@example.org, RFC 5321 §4.1.2
            test_environment=test_domains,
        )
    except EmailNotValidError as error:
        raise ValueError(_sentence(error)) from None
    # The library lower-cases "Info" and its like; the envelope keeps the recipient's own spelling.  Of a
    # quoted local part it takes the quotation marks where they are not needed.
    own = written.rpartition("@")[0]
    local = unicodedata.normalize("NFC", _unquoted(found.local_part, own) if own.startswith('"') else own)
    domain = found.ascii_domain
    return Address(f"{local}@{domain}", f"{_fold(local)}@{domain}", not local.isascii(), domain)


def _unquoted(normalised: str, own: str) -> str:
    """The quoted local part `own` in the one spelling that it shares with its equals."""
    return own[1:-1] if normalised.casefold() == own[1:-1].casefold() else normalised


@lru_cache(maxsize=1 << 14)
def _plain_domain(domain: str, test_domains: bool) -> str:
    """The domain as it goes on the wire, or "" where the short cut must not be taken."""
    if not domain.isascii() or "xn--" in domain.lower():
        return ""  # an internationalised spelling counts towards the length limit too
    try:
        return by_the_book(f"a@{domain}", test_domains=test_domains).domain
    except ValueError:
        return ""


def _fold(local: str) -> str:
    # Decomposed first, so that folding twice changes nothing (Unicode, canonical caseless matching).
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", local).casefold())


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]
