"""Campaigns with a delivery in doubt, and `mailrunner resolve` on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from mailrunner.cli import commands
from mailrunner.model.delivery import Counts
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import PASSWORD, ImapServer, Mailbox
from tests.support.projects import Answer
from tests.support.smtp_server import Accepted, SmtpServer

DOUBTFUL = "person2@example.org"  # the recipient where the answer to the third message is lost
LONG_AGO = timedelta(hours=3)


def mailing(
    folder: Path,
    server: SmtpServer,
    imap: str,
    *,
    ago: timedelta = LONG_AGO,
    provider: str = "gmail",
    password: str = PASSWORD,
    number: int = 5,
) -> CampaignInProcess:
    """A campaign through an account whose provider files what it sends, with its `imap` table."""
    made = CampaignInProcess(folder, server, ManualClock(datetime.now(UTC) - ago))
    account = f'imap = {{ {imap}, password = "{password}" }}' if imap else ""
    made.write(csv=people(number), account=account)
    settings = folder / "mailrunner.toml"
    settings.write_text(settings.read_text().replace('"smtp"', f'"{provider}"'))
    return made


def clear(box: Mailbox) -> str:
    return f'host = "127.0.0.1", port = {box.port}, tls = "none", user = "{box.user}"'


def implicit(box: Mailbox, server: ImapServer) -> str:
    return f'host = "127.0.0.1", port = {server.tls_port}, tls = "implicit", user = "{box.user}"'


def scripted(server: ScriptedImap) -> str:
    return f'host = "127.0.0.1", port = {server.port}, tls = "none", user = "ana"'


def resolve(made: CampaignInProcess, *words: str) -> Answer:
    """`mailrunner resolve spring …`, on the machine's own clock."""
    result = CliRunner().invoke(commands(), ["resolve", "spring", *words, "--project", str(made.folder)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def ask(made: CampaignInProcess) -> Answer:
    return resolve(made, "--from-sent-folder")


def counts(made: CampaignInProcess) -> Counts:
    with made.ledger() as ledger:
        record = ledger.campaigns.find("spring")
        assert record is not None
        return ledger.deliveries.counts(record.no)


def bytes_of(messages: list[Accepted]) -> list[bytes]:
    return [message.data for message in messages]
