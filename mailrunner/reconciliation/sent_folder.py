r"""The account's Sent folder, searched by IMAP for the messages of deliveries in doubt.

    with SentFolder.open(imap, ca_file=account.ca_file, timeout=60) as folder:
        folder.locate(["<token@example.org>"])      # {"<token@example.org>": "Gesendet"}

The folders are found by their special use, `\Sent` and `\Trash` (RFC 6154), never by name, which
is in the user's own language.  They are opened for reading only; nothing is changed.  Servers with
Gmail's extension (X-GM-EXT-1) are asked by its own search, which answers from an index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from mailrunner.config.account import Imap
from mailrunner.errors import Problem, UserError
from mailrunner.inbound.imap import ImapFolder, ImapMailbox, quoted


class SentFolder:
    """An account's folders of sent and of deleted messages, over one logged-in connection."""

    def __init__(self, mailbox: ImapMailbox, imap: Imap) -> None:
        self._mailbox = mailbox
        folders = mailbox.folders()
        self._sent = [folder for folder in folders if "\\sent" in folder.uses]
        self._trash = [folder for folder in folders if "\\trash" in folder.uses]
        if not self._sent:
            raise UserError(
                Problem(
                    f"the mailbox of {imap.user} on {imap.host} has no folder that is marked as \\Sent",
                    key="imap",
                    hint="show that folder to IMAP in the provider's settings, or decide by hand: "
                    "mailrunner resolve C --sent ADDRESS…, or --resend ADDRESS…",
                )
            )

    @classmethod
    @contextmanager
    def open(cls, imap: Imap, *, ca_file: Path | None, timeout: float) -> Iterator[Self]:
        r"""Connect, log in and find the folders; `timeout` is the seconds for which the server may be silent.

        Raises ImapUnavailableError, ImapLoginRefusedError, and UserError where TLS does not verify or no
        folder is marked as `\Sent`.
        """
        with ImapMailbox.open(imap, ca_file=ca_file, timeout=timeout) as mailbox:
            yield cls(mailbox, imap)

    @property
    def has_trash(self) -> bool:
        """True where deleted messages can be searched, too."""
        return bool(self._trash)

    def locate(self, message_ids: Collection[str], *, trash: bool = True) -> dict[str, str]:
        """The name of the folder that holds each message, by Message-ID; those in none are left out.

        `trash` includes the folder of deleted messages.  Raises ImapUnavailableError.
        """
        found: dict[str, str] = {}
        # Sent first: a message that is deleted in between is then still met in the trash.
        for folder in (*self._sent, *(self._trash if trash else ())):
            missing = [message_id for message_id in message_ids if message_id not in found]
            found |= dict.fromkeys(self._held(folder, missing), folder.name)
        return found

    def _held(self, folder: ImapFolder, message_ids: Collection[str]) -> list[str]:
        if not message_ids:
            return []
        self._mailbox.select(folder, readonly=True)
        return [message_id for message_id in message_ids if self._mailbox.search(self._criteria(message_id))]

    def _criteria(self, message_id: str) -> str:
        if "X-GM-EXT-1" in self._mailbox.capabilities:
            wanted = message_id.strip("<>")
            return f"X-GM-RAW {quoted(f'rfc822msgid:{wanted}')}"
        return f"HEADER Message-ID {quoted(message_id)}"
