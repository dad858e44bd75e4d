"""Suppression list: the reasons, their order, and which entry governs a message.

An entry is known by a name, which is one of three things:

    ana@example.org     the key of one recipient
    @example.org        everyone at exactly that domain
    #5c1e…              the pseudonym of a recipient whose address was erased

Pure: the ledger hands in the entries of one key.  An entry without a list holds for all lists.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SuppressionReason(StrEnum):
    """Reasons why a recipient gets no message, the strongest first."""

    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    BOUNCE = "bounce"
    MANUAL = "manual"
    IMPORT = "import"

    @property
    def rank(self) -> int:
        """The strongest has 0."""
        return _ORDER[self]


class ImportFormat(StrEnum):
    """The program that wrote a file of a suppression list."""

    PLAIN = "plain"
    MAILRUNNER = "mailrunner"
    MAILCHIMP = "mailchimp"
    SENDGRID = "sendgrid"
    SES = "ses"
    LISTMONK = "listmonk"


_ORDER = {reason: rank for rank, reason in enumerate(SuppressionReason)}
ALL_LISTS = ""
_PSEUDONYM = re.compile(r"#[0-9a-f]{40}")


def is_domain(name: str) -> bool:
    """True if the name stands for everyone at a domain."""
    return name.startswith("@")


def is_pseudonym(name: str) -> bool:
    """True if the name stands for a recipient whose address was erased."""
    return _PSEUDONYM.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Pseudonyms:
    """The names of recipients in one ledger once their addresses are erased; `secret` is the ledger's.

    A keyed hash (BLAKE2b, RFC 7693 §2.9) of the key: the same address has always the same pseudonym, so
    that it is still known when it comes again.
    """

    secret: bytes
    mark: str  # what all of this ledger begin with: those of another ledger say nothing here
    former: tuple[Pseudonyms, ...] = ()  # of ledgers whose suppression list this one took over

    @classmethod
    def of_ledger(cls, ledger_id: str, *former_ids: str) -> Pseudonyms:
        """The pseudonyms of the ledger with this id, which is kept secret, and of those before it."""
        secret = hashlib.blake2b(ledger_id.encode(), person=b"forgotten", digest_size=32).digest()
        mark = f"#{hashlib.blake2b(key=secret, person=b'mark', digest_size=4).hexdigest()}"
        return cls(secret, mark, tuple(map(cls.of_ledger, former_ids)))

    @property
    def marks(self) -> tuple[str, ...]:
        """What the pseudonyms begin with that say something in this ledger."""
        return (self.mark, *(one.mark for one in self.former))

    def of(self, key: str) -> str:
        """The pseudonym of the recipient with this key."""
        return self.mark + hashlib.blake2b(key.encode(), key=self.secret, digest_size=16).hexdigest()

    def every(self, key: str) -> tuple[str, ...]:
        """All pseudonyms of the recipient with this key, this ledger's own first."""
        return (self.of(key), *(one.of(key) for one in self.former))

    def own(self, name: str) -> tuple[str, ...]:
        """The names that stand for this recipient alone: the key and its pseudonyms."""
        return (name, *self.every(name)) if name.rfind("@") > 0 else (name,)

    def all(self, name: str) -> tuple[str, ...]:
        """All names under which the recipient can be on the list; looked up for each message."""
        at = name.rfind("@")
        return (name, *self.every(name), name[at:]) if at > 0 else (name,)


@dataclass(frozen=True, slots=True)
class SuppressionEntry:
    """One row of the suppression list; `list_key` is "" where it holds for all lists.

    `key` is the name under which it stands.
    """

    key: str
    list_key: str
    reason: SuppressionReason
    source: str
    created_at: datetime
    import_no: int | None = None

    @property
    def scope(self) -> str:
        return f'list "{self.list_key}"' if self.list_key else "all lists"

    def __str__(self) -> str:
        everyone = f" (everyone {self.key})" if is_domain(self.key) else ""
        return f"suppressed for {self.scope}: {self.reason}{everyone}"


class ChangeKind(StrEnum):
    """The ways in which an entry changes."""

    ADDED = "added"
    REMOVED = "removed"  # by a user, or by the recipient
    UNDONE = "undone"  # with the import that had brought it
    FORGOTTEN = "forgotten"  # its address was erased; it holds on under a pseudonym


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionChange:
    """One change of an entry: when, what, and why; `source` is where the entry had come from."""

    at: datetime
    change: ChangeKind
    name: str
    list_key: str
    reason: SuppressionReason
    source: str
    why: str = ""


def list_key(name: str) -> str:
    """The key of a list: casefolded, blanks and punctuation collapsed to one blank."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return re.sub(r"[\W_]+", " ", folded).strip()


def governing(
    entries: Iterable[SuppressionEntry], *, lists: Collection[str], transactional: bool
) -> SuppressionEntry | None:
    """Return the entry that stops a message to one of `lists`: all lists first, then by reason."""
    holding = [e for e in entries if _holds(e, lists, transactional)]
    return min(holding, key=lambda e: (e.list_key != ALL_LISTS, e.reason.rank), default=None)


def _holds(entry: SuppressionEntry, lists: Collection[str], transactional: bool) -> bool:
    if not transactional:
        return entry.list_key == ALL_LISTS or entry.list_key in lists
    # An invoice goes out although its reader left the newsletter, but not to a dead address,
    # nor after a complaint, nor where a user suppressed the recipient for all lists.
    if entry.reason in (SuppressionReason.BOUNCE, SuppressionReason.COMPLAINT):
        return True
    return entry.reason is SuppressionReason.MANUAL and entry.list_key == ALL_LISTS
