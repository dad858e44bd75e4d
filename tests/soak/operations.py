"""The operations, drawn by lot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from mailrunner.store import Ledger
from tests.soak.invariants import exit_code_is_wrong
from tests.soak.misbehaviour import misbehaviour
from tests.soak.records import Copy
from tests.soak.worker import Answer
from tests.soak.world import DAY, KILLED, PEOPLE, Plan, World
from tests.support.clocks import ManualClock
from tests.support.smtp_script import Rule
from tests.support.web_clicks import Served

Operation = Callable[[World], Iterator[str]]


def run(world: World) -> Iterator[str]:
    """A run with any options, perhaps killed, perhaps under a clock that is behind or ahead."""
    plan = _plan(world)
    words = [
        word
        for word, chance in (("--refresh", 0.3), ("--accept-changes", 0.3), ("--again", 0.15))
        if world.random.random() < chance
    ]
    if world.random.random() < 0.25:
        words += ["--limit", str(world.random.randint(1, 4))]
    ahead = timedelta(0)
    if world.random.random() < 0.2 and not world.postgresql:  # there the ledger's clock decides
        ahead = timedelta(hours=world.random.choice((-1, -1, 1)) * world.random.randint(1, 72))
    yield from sends(world, "run", plan.name, *words, ahead=ahead, dies=world.random.random() < 0.3)


def resume(world: World) -> Iterator[str]:
    yield from sends(world, "resume", dies=world.random.random() < 0.2)


def sends(
    world: World,
    *words: str,
    ahead: timedelta = timedelta(0),
    dies: bool = False,
    behaves: bool = False,
    first: tuple[Rule, ...] = (),
) -> Iterator[str]:
    """A command that may send: it must send nothing to a recipient who was suppressed before.

    `first` are rules that come before those by which the servers misbehave.
    """
    for server in world.servers.values():
        server.rules = () if behaves else (*first, *misbehaviour(world.random))
    before = {name: len(server.copies) for name, server in world.servers.items()}
    suppressed = world.books.suppressed()
    answer = world.command(*words, "--json", ahead=ahead, dies=dies)
    new = [copy for name, server in world.servers.items() for copy in server.copies[before[name] :]]
    for copy in new:
        if {(copy.key, ""), (copy.key, world.plans[copy.campaign].list_key)} & suppressed:
            yield f"{copy.key} was suppressed, and got {copy.campaign}"
    if words[0] == "run":
        if wrong := exit_code_is_wrong(answer, accepted=len(new), counts=world.books.counts(words[1])):
            yield wrong
    else:
        yield from ends(answer, {0, 1, 75, 76, 78})


def hold(world: World) -> Iterator[str]:
    """A pause, its end, and rarely a cancel."""
    verb = world.random.choice(("pause", "unpause", "unpause", "pause", "cancel"))
    if verb == "cancel" and world.random.random() < 0.7:
        return
    yield from ends(world.command(verb, _plan(world).name), {0, 78})


def suppress(world: World) -> Iterator[str]:
    key, plan = world.random.choice(PEOPLE), _plan(world)
    scope = world.random.choice(("", plan.list_key))
    to = ("--list", plan.list_name) if scope else ()
    if world.random.random() < 0.3:
        answer = world.command(
            "suppress", "remove", key, *(to or ("--all",)), "--consent", "wrote", dies=_rarely(world)
        )
        world.told.discard((key, scope))
    elif world.random.random() < 0.3:
        file = world.folder / "left.txt"
        file.write_text(f"{key}\n")
        answer = world.command("suppress", "import", str(file), "--yes", *to, dies=_rarely(world))
    else:
        answer = world.command("suppress", "add", key, *to, dies=_rarely(world))
    if answer.code == 0 and world.trace[-1].split()[1] != "remove":
        world.told.add((key, scope))
    yield from ends(answer, {0})


def click(world: World) -> Iterator[str]:
    """One-click unsubscribe of a recipient who got a message, through the public page."""
    if not (found := arrived(world)):
        return
    copy = world.random.choice(found)
    with opened(world) as ledger, Served(ledger) as site:
        reply = site.click(copy.link.rpartition("/")[2])
    world.trace.append(f"click of {copy.key} in {copy.campaign} → {reply.status}")
    if copy.key in world.erased:
        return
    if reply.status != 200:
        yield f"a click was answered with {reply.status}"
    else:
        world.told.add((copy.key, world.plans[copy.campaign].list_key))


def report(world: World) -> Iterator[str]:
    """A bounce, a complaint or a notice of delivery about a message that a server took."""
    if not (found := arrived(world)):
        return
    copy = world.random.choice(found)
    kind = world.random.choice((EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.DELIVERED))
    with opened(world) as ledger:
        signer = signer_of(ledger)
        delivery = signer.number(UNSUBSCRIBE, copy.link.rpartition("/")[2])
        event = InboundEvent(
            kind=kind, source="inbox", delivery=delivery, detail=f"report {len(world.trace)}"
        )
        (result,) = ledger.inbound_events.ingest([event])
    world.trace.append(f"{kind} of {copy.key} in {copy.campaign} → {result}")
    if copy.key in world.erased:
        return
    if kind is EventKind.BOUNCED:
        world.bounced.add((copy.campaign, copy.key))
    elif kind is EventKind.COMPLAINED:
        world.told.add((copy.key, ""))
    yield from ()


def move(world: World) -> Iterator[str]:
    """The ledger is moved, perhaps with a kill in the middle; the old one is used no more."""
    if not _rarely(world) or not world.books.phases():
        return
    old, url = world.database, f"sqlite:///data/moved{len(world.trace)}.db"
    answer = world.command("ledger", "copy", url, dies=_rarely(world))
    if answer.code == KILLED:
        answer = world.command("ledger", "copy", url)
    yield from ends(answer, {0})
    before = sum(len(server.copies) for server in world.servers.values())
    yield from ends(world.command("run", _plan(world).name), {74, 78})
    if sum(len(server.copies) for server in world.servers.values()) > before:
        yield f"{old} was sent from although it was moved"
    world.database = url
    world.write_project()


def decide(world: World) -> Iterator[str]:
    """What is in doubt is decided by a user who knows, or sent again by one who does not."""
    plan = _plan(world)
    doubts = [
        row.key for row in world.books.deliveries() if (row.campaign, row.state) == (plan.name, "in_doubt")
    ]
    if not doubts:
        return
    key = world.random.choice(doubts)
    taken = any(
        (copy.campaign, copy.key) == (plan.name, key) and copy.at >= world.since
        for server in world.servers.values()
        for copy in server.copies
    )
    if taken and world.random.random() < 0.7:
        yield from ends(world.command("resolve", plan.name, "--sent", key), {0, 1})
        return
    world.allowed[plan.name, key] += taken
    yield from ends(world.command("resolve", plan.name, "--resend", key), {0, 1})


def requeue(world: World) -> Iterator[str]:
    which = world.random.choice(("--failed", "--suppressed", "--skipped"))
    yield from ends(world.command("requeue", _plan(world).name, which, dies=_rarely(world)), {0, 78})


def edit_list(world: World) -> Iterator[str]:
    plan = _plan(world)
    gone = world.random.choice(plan.rows)
    new = [address for address in PEOPLE if address not in plan.rows]
    if new and world.random.random() < 0.6:
        plan.rows.append(world.random.choice(new))
    elif len(plan.rows) > 3:
        plan.rows.remove(gone)
    world.write_campaign(plan)
    world.trace.append(f"list of {plan.name} has {len(plan.rows)} rows")
    yield from ()


def edit_template(world: World) -> Iterator[str]:
    plan = _plan(world)
    plan.edition += 1
    world.write_campaign(plan)
    world.trace.append(f"edit of {plan.name}")
    yield from ()


def forget(world: World) -> Iterator[str]:
    if not _rarely(world):
        return
    key = world.random.choice(PEOPLE)
    answer = world.command("suppress", "forget", key, "--yes")
    if answer.code == 0:
        world.erased.add(key)
        world.told = {entry for entry in world.told if entry[0] != key}
    yield from ends(answer, {0})


def purge(world: World) -> Iterator[str]:
    yield from ends(world.command("purge", _plan(world).name), {0, 78})


def look(world: World) -> Iterator[str]:
    words = world.random.choice((("status", "--json"), ("quota", "--json"), ("check", _plan(world).name)))
    yield from ends(world.command(*words), {0, 1, 78})


def restore(world: World) -> Iterator[str]:
    """An older copy of the ledger is put back after a run: nothing may be sent from it."""
    if world.database != "sqlite:///data/mailrunner.db" or not world.books.phases():
        return
    world.copy_of_ledger("older")
    yield from sends(world, "run", _plan(world).name)
    world.copy_of_ledger("newer")
    world.copy_of_ledger("older", back=True)
    before = sum(len(server.copies) for server in world.servers.values())
    answer = world.command("run", _plan(world).name)
    if sum(len(server.copies) for server in world.servers.values()) > before:
        yield "an older copy of the ledger was sent from"
    yield from ends(answer, {74, 78})
    world.copy_of_ledger("newer", back=True)


def begin_anew(world: World) -> Iterator[str]:
    """The ledger is given up: its record of copies is lost, and that is what was asked for."""
    if not _rarely(world) or world.database != "sqlite:///data/mailrunner.db":
        return
    world.now += timedelta(seconds=1)
    since = world.now
    for server in world.servers.values():
        server.rules = ()
    answer = world.command("run", _plan(world).name, "--new-ledger", "--json")
    if answer.code not in (2, 74):
        world.since = since
        world.allowed.clear()
    yield from ends(answer, {0, 1, 75, 76, 78})


def wait(world: World) -> Iterator[str]:
    by = world.random.choice((timedelta(minutes=6), timedelta(hours=1), timedelta(hours=5), DAY))
    world.now += by
    world.trace.append(f"{by} pass")
    yield from ()


def arrived(world: World) -> list[Copy]:
    """The messages that the servers took for the ledger in use."""
    found = [copy for server in world.servers.values() for copy in server.copies]
    return [copy for copy in found if copy.at >= world.since and copy.link]


def opened(world: World) -> closing[Ledger]:
    url = world.database.replace("sqlite:///", f"sqlite:///{world.folder}/")
    return closing(Ledger.open(folder=world.folder, url=url, clock=ManualClock(world.now)))


def signer_of(ledger: Ledger) -> TokenSigner:
    """Reads and makes the tokens of its messages."""
    return TokenSigner(ledger.signing_keys(None))


def _plan(world: World) -> Plan:
    return world.random.choice(list(world.plans.values()))


def _rarely(world: World) -> bool:
    return world.random.random() < 0.2


def ends(answer: Answer, codes: set[int]) -> Iterator[str]:
    if answer.fault:
        yield answer.fault
    elif answer.code not in codes | {KILLED}:
        yield f"it ended with {answer.code}: {answer.stderr[-300:]}"


OPERATIONS: tuple[tuple[Operation, int], ...] = (
    (run, 14),
    (resume, 5),
    (hold, 3),
    (suppress, 4),
    (click, 2),
    (report, 3),
    (move, 1),
    (decide, 5),
    (requeue, 2),
    (edit_list, 2),
    (edit_template, 1),
    (forget, 1),
    (purge, 1),
    (look, 1),
    (restore, 1),
    (begin_anew, 1),
    (wait, 6),
)
