"""Errors that the user can fix, and the parts of their sentences.

A reply of a mail server is never an exception: it is an `Outcome`.  An exception ends the command:

    MailrunnerError
    ├── UserError      a file or the set-up is wrong; carries *all* problems   exit 78
    ├── LedgerError    the ledger or the disk failed; nothing is lost           exit 74
    ├── RowError       one recipient's row cannot be rendered; never leaves the run
    ├── ImapUnavailableError, ImapLoginRefusedError of `inbound.imap`         exit 75, 77
    └── ApiUnavailableError of `transports.apis`                              exit 75

Anything else is a bug and shows its traceback.  `mailrunner.cli` prints these as sentences; a program that
uses `mailrunner.Project` catches `MailrunnerError`, whose text has the same sentences.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its file and key, the sentence about it, and a hint for fixing it; "" where unknown."""

    message: str
    file: str = ""
    key: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.key) if part)
        sentence = f"{place}: {self.message}" if place else self.message
        return f"{sentence} ({self.hint})" if self.hint else sentence


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of `known`, else all of them where they are few, else ""."""
    names = list(known)
    listed = f"there is {alternatives(names, last='and')}" if 0 < len(names) <= 12 else ""
    return nearest(word, names) or listed


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of `known`, in upper or lower case; "" where none resembles `word`."""
    name = nearest_name(word, known)
    return "" if name is None else f'did you mean "{name}"?'


def nearest_name(word: str, known: Iterable[str]) -> str | None:
    """The nearest of `known`, in upper or lower case; None where none resembles `word`."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def alternatives(words: Iterable[str], last: str = "or") -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return f" {last} ".join(part for part in (", ".join(quoted[:-1]), quoted[-1]) if part)


class MailrunnerError(Exception):
    """The base of all errors that the user can fix."""


class UserError(MailrunnerError):
    """A file or the set-up is wrong; nothing was sent by this command."""

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

    `passing` is true where the same statement may succeed a moment later (locked, full); `needs_user` where
    a user has to free space or give a right before that, which a command that has begun nothing does not
    wait for.
    """

    def __init__(
        self, message: str, hint: str = "", *, passing: bool = False, needs_user: bool = False
    ) -> None:
        self.message, self.hint = message, hint
        self.passing, self.needs_user = passing, needs_user
        super().__init__(f"{message} ({hint})" if hint else message)


def of_os_error(error: OSError) -> LedgerError:
    """A file or a disk that failed, as the sentence that a user gets."""
    where = f"{error.filename}: " if error.filename else ""
    hint = "nothing is lost; correct it and type the same command again"
    return LedgerError(f"{where}{error.strerror or error}", hint)


@contextmanager
def one_base_class() -> Iterator[None]:
    """Let an OSError be a LedgerError, so that a program has one base class to catch."""
    try:
        yield
    except OSError as error:
        raise of_os_error(error) from error


class RowError(MailrunnerError):
    """No message can be made from this row; the delivery fails with the text as its reason."""
