"""Changes made from the dashboard: as the commands do them, confirmed where they are for good.

A page of its own says how many deliveries are concerned and what cannot be undone; its form carries that
number.  Where more are concerned when it arrives, nothing is done and the page asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mailrunner.errors import Problem, UserError
from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.model.number_and_noun import counted
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import CampaignRecord, Phase
from mailrunner.store.manual_actions import InDoubtDelivery
from mailrunner.web.dashboard.page_parts import Desk
from mailrunner.web.dashboard.recipients_page import delivery_at

SOURCE = "dashboard"
_REQUEUEABLE = {"failed": State.FAILED, "suppressed": State.SUPPRESSED, "skipped": State.SKIPPED}


class Done(NamedTuple):
    """The result of a change: a word of `SENTENCES`, and how many deliveries it concerned."""

    word: str
    number: int = 0


SENTENCES: Mapping[str, Callable[[int], str]] = {
    "paused": lambda _: "Paused. A run that is sending stops before its next message.",
    "unpaused": lambda _: "No longer paused. The next run, or `mailrunner resume`, goes on with it.",
    "cancelled": lambda n: f"Cancelled: {counted(n, 'recipient')} will not get it.",
    "resolved": lambda n: f"Recorded as sent: {counted(n, 'message')}.",
    "resent": lambda n: f"Queued again: {counted(n, 'message')}. The next run sends {_it(n)}.",
    "requeued": lambda n: f"Queued again: {counted(n, 'message')}. The next run sends {_it(n)}.",
    "suppressed": lambda n: "Suppressed." if n else "This address was suppressed already.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionQuestion:
    """The page that asks: `number` deliveries are concerned, `place` is one alone (None: all of them)."""

    title: str
    number: int
    effect: str
    undo: str
    button: str
    action: str
    fields: Mapping[str, str]
    place: int | None = None
    again: bool = False
    at_most: bool = False  # fewer are no reason to ask again: those were sent meanwhile


class NumberChangedError(Exception):
    """The number changed since the page was shown; carries the question to ask again."""

    def __init__(self, question: ActionQuestion) -> None:
        super().__init__(question.title)
        self.question = question


def pause(desk: Desk, record: CampaignRecord, user: str) -> Done:
    """Pause a campaign; raises UserError where there is nothing to pause."""
    if record.phase is not Phase.PAUSED and not desk.ledger.campaigns.pause(record.no):
        raise UserError(Problem(f"{record.id} is {record.phase}: there is nothing to pause"))
    desk.note(user, "paused", campaign=record.id)
    return Done("paused")


def unpause(desk: Desk, record: CampaignRecord, user: str) -> Done:
    """End a pause; raises UserError where there is none."""
    if not desk.ledger.campaigns.begin(record.no, seen=Phase.PAUSED):
        raise UserError(Problem(f"{record.id} is not paused, it is {record.phase}"))
    desk.note(user, "unpaused", campaign=record.id)
    return Done("unpaused")


def question(desk: Desk, record: CampaignRecord, form: Mapping[str, str]) -> ActionQuestion:
    """The question before an action, with the number that it concerns now; raises UserError for no action."""
    place = int(form["place"]) if form.get("place", "").isdigit() else None
    asked = {"cancel": _cancel, "resolve": _resolve, "requeue": _requeue, "suppress": _suppress}
    ask = asked.get(form.get("do", ""))
    if ask is None:
        raise UserError(Problem("this page was asked for something that it does not know"))
    return ask(desk, record, form, place)


def act(desk: Desk, record: CampaignRecord, form: Mapping[str, str], user: str) -> Done:
    """Do what was asked; raises NumberChangedError where more deliveries are concerned than were seen."""
    asked = question(desk, record, form)
    seen = int(form["seen"]) if form.get("seen", "").isdigit() else -1
    fits = seen >= asked.number if asked.at_most else seen == asked.number
    if not fits:
        raise NumberChangedError(asked)
    doing = {"cancel": _do_cancel, "resolve": _do_resolve, "requeue": _do_requeue, "suppress": _do_suppress}
    done = doing[asked.action](desk, record, asked)
    desk.note(user, done.word, campaign=record.id, number=done.number, place=asked.place)
    desk.keeper.forget(record.no)
    return done


# -- Questions


def _cancel(
    desk: Desk, record: CampaignRecord, _form: Mapping[str, str], _place: int | None
) -> ActionQuestion:
    number = _open(desk, record)
    return ActionQuestion(
        title=f"Cancel {record.id}?",
        number=number,
        effect=f"{counted(number, 'recipient')} will not get it. What is being sent at this moment arrives.",
        undo="A cancelled campaign is over for good. To stop it for a while, pause it instead.",
        button=f"Cancel {record.id}",
        action="cancel",
        fields={},
        at_most=True,
    )


def _open(desk: Desk, record: CampaignRecord) -> int:
    """The deliveries that a campaign still has to make, of which those that ended are not read."""
    return sum(desk.ledger.browsing.number(record.no, state) for state in (State.QUEUED, *IN_FLIGHT))


def _resolve(
    desk: Desk, record: CampaignRecord, form: Mapping[str, str], place: int | None
) -> ActionQuestion:
    number = len(_doubts(desk, record, place))
    resend = form.get("as") == "resend"
    one = counted(number, "message")
    return ActionQuestion(
        title="Send again what is in doubt?" if resend else "Record as sent what is in doubt?",
        number=number,
        effect=(
            f"{one} will be queued again with the same Message-ID; recipients whose servers had accepted "
            "the first one may see it twice."
            if resend
            else f"{one} will be recorded as sent; recipients whose servers had not accepted it never get it."
        ),
        undo="The decision cannot be undone. The account's Sent folder may know better: "
        f"mailrunner resolve {record.id} --from-sent-folder",
        button=f"Send {one} again" if resend else f"Record {one} as sent",
        action="resolve",
        fields={"as": "resend" if resend else "sent"},
        place=place,
    )


def _requeue(
    desk: Desk, record: CampaignRecord, form: Mapping[str, str], place: int | None
) -> ActionQuestion:
    state = _REQUEUEABLE.get(form.get("state", ""))
    if state is None:
        raise UserError(Problem("choose failed, suppressed or skipped deliveries to queue again"))
    if place is not None:
        number = int(delivery_at(desk, record, place).state is state)
    else:
        number = desk.ledger.browsing.number(record.no, state)
    one = counted(number, f"{state.value} message")
    return ActionQuestion(
        title=f"Queue {one} again?",
        number=number,
        effect=f"{one} will be tried again by the next run. Recipients who are suppressed, and rows without "
        "a usable address, stay as they are.",
        undo="A message that is sent cannot be called back; until it is, cancel or pause the campaign.",
        button=f"Queue {one} again",
        action="requeue",
        fields={"state": state.value},
        place=place,
    )


def _suppress(
    desk: Desk, record: CampaignRecord, form: Mapping[str, str], place: int | None
) -> ActionQuestion:
    if place is None:
        raise UserError(Problem("choose the recipient to suppress on the recipient's own page"))
    one = delivery_at(desk, record, place)
    if one.key is None:
        raise UserError(Problem("this row has no usable address to suppress"))
    own = form.get("of") == "list" and record.list_key
    scope = f"the list {record.list_name}" if own else "all lists"
    return ActionQuestion(
        title=f"Suppress {one.key}?",
        number=1,
        effect=f"This recipient gets no more messages of {scope}, this campaign included.",
        undo="To undo it: mailrunner suppress remove, with the reason, which is kept.",
        button="Suppress",
        action="suppress",
        fields={"of": "list" if own else "all"},
        place=place,
    )


# -- Deeds


def _do_cancel(desk: Desk, record: CampaignRecord, _asked: ActionQuestion) -> Done:
    if record.phase in (Phase.FINISHED, Phase.LOADING):
        raise UserError(Problem(f"{record.id} is {record.phase}; there is nothing to cancel"))
    return Done("cancelled", desk.ledger.campaigns.cancel(record.no))


def _do_resolve(desk: Desk, record: CampaignRecord, asked: ActionQuestion) -> Done:
    doubts = _doubts(desk, record, asked.place)
    manual = desk.ledger.manual_actions
    if asked.fields["as"] == "resend":
        return Done("resent", len(manual.resolve_as_not_sent(record.no, doubts)))
    reason = "recorded as sent by the user, in the dashboard"
    return Done("resolved", len(manual.resolve_as_sent(doubts, reason=reason)))


def _do_requeue(desk: Desk, record: CampaignRecord, asked: ActionQuestion) -> Done:
    keys: set[str] = set()
    if asked.place is not None:
        key = delivery_at(desk, record, asked.place).key
        if key is None:
            raise UserError(Problem("this row has no usable address, so it cannot be queued again"))
        keys = {key}
    done = desk.ledger.manual_actions.requeue(
        record.no,
        states=[_REQUEUEABLE[asked.fields["state"]]],
        keys=keys,
        lists=desk.lists_of(record),
        transactional=record.kind == "transactional",
    )
    return Done("requeued", done.number)


def _do_suppress(desk: Desk, record: CampaignRecord, asked: ActionQuestion) -> Done:
    key = delivery_at(desk, record, asked.place or 0).key
    of = record.list_key if asked.fields["of"] == "list" else ""
    reason = SuppressionReason.MANUAL
    added = desk.ledger.suppressions.add([key or ""], list_key=of, reason=reason, source=SOURCE)
    return Done("suppressed", added)


def _doubts(desk: Desk, record: CampaignRecord, place: int | None) -> list[InDoubtDelivery]:
    found = desk.ledger.manual_actions.in_doubt(record.no)
    if place is None:
        return found
    one = delivery_at(desk, record, place)
    return [doubt for doubt in found if doubt.id == one.id]


def _it(number: int) -> str:
    return "it" if number == 1 else "them"
