"""A campaign that was sent, the mailbox that its account reads, and `mailrunner inbox` on it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from typer.testing import CliRunner

from mailrunner.cli import commands
from mailrunner.model.delivery import State
from mailrunner.model.suppression import SuppressionReason
from mailrunner.model.tokens import TokenSigner
from tests.data.bounces import Tokens, sample
from tests.support.campaigns import CampaignInProcess
from tests.support.imap_server import PASSWORD, Mailbox
from tests.support.projects import Answer
from tests.support.smtp_server import SmtpServer

PEOPLE = 6


class Club:
    """A campaign that was sent to a few people, and the mailbox that its account reads."""

    def __init__(
        self, folder: Path, smtp: SmtpServer, imap: str, *, password: str = PASSWORD, limit: int = PEOPLE
    ) -> None:
        self.made = CampaignInProcess(folder, smtp)
        self.made.clock.turn(datetime.now(self.made.clock.now().tzinfo) - self.made.clock.now())
        rows = "".join(f"person{n}@example.org,Name {n}\n" for n in range(PEOPLE))
        account = f'user = "ana@example.org"\nimap = {{ {imap}, password = "{password}" }}'
        self.made.write(csv=f"email,name\n{rows}", account=account)
        assert self.made.run(limit=limit).counts.sent == limit

    def tokens(self, place: int) -> Tokens:
        with self.made.ledger() as ledger:
            signer = TokenSigner(ledger.signing_keys(None))
            record = ledger.campaigns.find("spring")
        assert record is not None
        return Tokens(signer, (record.no << 40) + place + 1)

    def came_back(self, box: Mailbox, name: str, place: int = 0, folder: str = "INBOX") -> None:
        box.append(folder, sample(name, self.tokens(place), f"person{place}@example.org"))

    def inbox(self, *words: str) -> Answer:
        result = CliRunner().invoke(commands(), ["inbox", *words, "--project", str(self.made.folder)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def states(self) -> list[State]:
        with self.made.ledger() as ledger:
            record = ledger.campaigns.find("spring")
            assert record is not None
            return [State(row.state) for row in ledger.reports.rows(record.no)]

    def suppressed(self) -> dict[str, set[tuple[str, SuppressionReason]]]:
        with self.made.ledger() as ledger:
            found: dict[str, set[tuple[str, SuppressionReason]]] = {}
            for entry in ledger.suppressions:
                found.setdefault(entry.key, set()).add((entry.list_key, entry.reason))
            return found


def lies(box: Mailbox, folder: str) -> list[bytes]:
    """The messages in a folder, none of which is marked by looking."""
    with box._client() as client:
        assert client.select(f'"{folder}"', readonly=True)[0] == "OK"
        numbers = client.search(None, "ALL")[1][0].split()
        return [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]  # type: ignore[index,misc]
