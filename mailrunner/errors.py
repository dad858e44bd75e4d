"""What can go wrong in a way that a person can mend.

What a mail server may say is never an exception: it is an `Outcome`.  An exception ends the command:

    MailrunnerError
    ├── UserError      a file or the set-up is wrong; carries *all* problems   exit 78
    ├── LedgerError    the ledger or the disk failed; nothing is lost           exit 74
    ├── RowError       one recipient's row cannot be rendered; never leaves the run
    └── ImapUnavailableError, ImapLoginRefusedError of `inbound.imap`         exit 75, 77

Anything else is a bug and shows its traceback.  Only `mailrunner.cli` turns these into sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what it is, and what to do about it."""

    message: str
    file: str = ""
    key: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.key) if part)
        sentence = f"{place}: {self.message}" if place else self.message
        return f"{sentence} ({self.hint})" if self.hint else sentence


class MailrunnerError(Exception):
    """The base of all errors that a person can mend."""


class UserError(MailrunnerError):
    """The person at the keyboard can mend it; nothing was sent by this command."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def collect(cls, problems: Iterable[Problem]) -> None:
        """Raise one error that carries all `problems`; return if there are none."""
        found = tuple(problems)
        if found:
            raise cls(*found)


class LedgerError(MailrunnerError):
    """The ledger cannot be trusted or written; `hint` names the next command to type.

    `passing` is true where the same statement may succeed a moment later (locked, full).
    """

    def __init__(self, message: str, hint: str = "", *, passing: bool = False) -> None:
        self.message, self.hint, self.passing = message, hint, passing
        super().__init__(f"{message} ({hint})" if hint else message)


class RowError(MailrunnerError):
    """This row cannot become a message; the text says why, and the person's delivery fails with it."""
