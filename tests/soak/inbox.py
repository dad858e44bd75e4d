"""Mails that come back to a real IMAP mailbox, and `mailrunner inbox`, which reads it."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.model.tokens import UNSUBSCRIBE
from tests.data.bounces import Tokens, sample
from tests.soak.operations import Operation, arrived, ends, opened, signer_of
from tests.soak.records import Copy
from tests.soak.world import World

_BOUNCES = ("postfix_no_such_user", "exim_no_such_user", "gmail_no_such_user", "postfix_verp")
_COMPLAINTS = ("arf_yahoo",)
_OTHERS = ("postfix_delivered", "gmail_delayed", "absent_english", "arf_not_spam", "exim_full")


def inbox(world: World) -> Iterator[str]:
    """Some mails arrive, and the mailbox is read: by a command that may be killed, and again then."""
    found = arrived(world)
    if not found or world.mailbox is None:
        return
    names = world.random.choices((*_BOUNCES, *_COMPLAINTS, *_OTHERS), k=world.random.randint(1, 3))
    mails = [(name, world.random.choice(found)) for name in names]
    with opened(world) as ledger:
        signer = signer_of(ledger)
        for name, copy in mails:
            number = signer.number(UNSUBSCRIBE, copy.link.rpartition("/")[2])
            if number is not None:
                world.mailbox.append("INBOX", sample(name, Tokens(signer, number), copy.key))
    world.trace.append(
        f"mails: {', '.join(f'{name} of {copy.key} in {copy.campaign}' for name, copy in mails)}"
    )
    world.bounced |= {(copy.campaign, copy.key) for name, copy in mails if name in _BOUNCES}
    yield from ends(world.command("inbox", dies=world.random.random() < 0.3), {0})
    answer = world.command("inbox")
    yield from ends(answer, {0})
    yield from _left(world, mails)


def _left(world: World, mails: list[tuple[str, Copy]]) -> Iterator[str]:
    """What must be so once the mailbox was read: every complaint suppresses, and no notice does."""
    suppressed = world.books.suppressed()
    for name, copy in mails:
        if name in _COMPLAINTS and copy.key not in world.erased:
            if (copy.key, "") not in suppressed:
                yield f"the complaint of {copy.key} suppressed nothing"
            world.told.add((copy.key, ""))
    assert world.mailbox is not None
    if left := world.mailbox.unseen("INBOX"):
        world.trace.append(f"{left} mails are left for a user")


INBOX: tuple[tuple[Operation, int], ...] = ((inbox, 3),)
