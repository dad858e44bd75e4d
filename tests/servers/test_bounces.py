"""Bounces that mail servers which are not ours send for a message of a campaign, as `inbox` reads them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mailrunner.clock import SystemClock
from mailrunner.inbound.classify import MessageClassifier
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.tokens import TokenSigner
from mailrunner.store import Ledger
from tests.support.commands import answered
from tests.support.exim_server import Exim
from tests.support.mail_servers import MailServer
from tests.support.postfix_server import Postfix
from tests.support.projects import Project
from tests.support.smtp_server import Rule, SmtpServer, reply

# What the next server says of which recipient, and what that means.
OF_RECIPIENTS = {
    "later-unknown@example.org": ("rcpt", 550, ["5.1.1 no such mailbox"], EventKind.BOUNCED),
    "later-unknown-ü@example.org": ("rcpt", 550, ["5.1.1 no such mailbox"], EventKind.BOUNCED),
    "later-full@example.org": ("rcpt", 552, ["5.2.2 mailbox full"], EventKind.SOFT_BOUNCED),
    "later-blocked@example.org": ("rcpt", 554, ["5.7.1 blocked by", "5.7.1 a block list"], EventKind.REFUSED),
    "later-spam@example.org": ("eod", 554, ["5.7.1 rejected as spam"], EventKind.REFUSED),
}
OUR_DOMAIN = Rule("mail", reply(550, "5.1.7 No such domain"))
KINDS = pytest.mark.parametrize("kind", [Postfix, Exim])
Events = dict[str, tuple[InboundEvent, bytes]]


def bounces(folder: Path, kind: Callable[..., MailServer], rules: list[Rule], *addresses: str) -> Events:
    """What `inbox` makes of the mails that come back, and these: the next server refuses what was taken."""
    with SmtpServer(rules=rules) as hop, kind(next_hop=hop.port) as server:
        Project(folder).write(rows=[f"{each},Name" for each in addresses], port=server.port)
        code, said = answered(folder, "run", "spring")
        assert code == 0, said
        mails = server.raw_mails()
    url = f"sqlite:///{folder}/data/mailrunner.db"
    with closing(Ledger.open(folder=folder, url=url, clock=SystemClock())) as ledger:
        classifier = MessageClassifier(signer=TokenSigner(ledger.signing_keys(None)), identity="smtp/ana")
    events = [(classifier.understand(raw), raw) for raw in mails]
    return {event.address: (event, raw) for event, raw in events if event}


@KINDS
def test_a_bounce_names_its_delivery_and_tells_its_scope(
    tmp_path: Path, kind: Callable[..., MailServer]
) -> None:
    rules = [
        Rule(stage, reply(code, *lines), recipient=address.partition("@")[0] + "@")
        for address, (stage, code, lines, _) in OF_RECIPIENTS.items()
    ]
    found = bounces(tmp_path, kind, rules, *OF_RECIPIENTS)
    expected = {address: each for address, (_, _, _, each) in OF_RECIPIENTS.items()}
    assert {address: event.kind for address, (event, _) in found.items()} == expected
    for address, (event, raw) in found.items():
        assert event.delivery is not None
        assert event.code == OF_RECIPIENTS[address][1]
        assert (b"message/global-delivery-status" in raw) is not address.isascii()


@KINDS
def test_a_bounce_about_our_own_domain_suppresses_no_recipient(
    tmp_path: Path, kind: Callable[..., MailServer]
) -> None:
    [(event, _)] = bounces(tmp_path, kind, [OUR_DOMAIN], "later@example.org").values()
    assert event.kind is EventKind.REFUSED
    assert (event.code, event.delivery is None) == (550, False)
