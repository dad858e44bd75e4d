"""`inbox --review`: unsubscribe requests in free text, and the user's decisions about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.errors import Problem, UserError
from mailrunner.event_log import rfc3339

if TYPE_CHECKING:
    from mailrunner.store.inbound_events import UnsubscribeRequest


_DIGITS = 18  # every database has integers of so many digits


def review(
    context: CommandContext, unsubscribe: Iterable[str], ignore: Iterable[str], *, as_json: bool
) -> Exit:
    """Decide the requests of these numbers; show those that wait if none is given."""
    accepted, ignored = _numbers("--unsubscribe", unsubscribe), _numbers("--ignore", ignore)
    if both := sorted(set(accepted) & set(ignored)):
        raise typer.BadParameter(f"request {both[0]} cannot be both unsubscribed and ignored")
    if accepted or ignored:
        return _decide(context, accepted, ignored, as_json=as_json)
    with context.look_at_ledger() as ledger:
        requests = ledger.inbound_events.open_requests()
    if as_json:
        context.json({"requests": [_object(request) for request in requests]})
    else:
        _show(context, requests)
    return Exit.DONE


def _decide(
    context: CommandContext, accepted: Sequence[int], ignored: Sequence[int], *, as_json: bool
) -> Exit:
    from mailrunner.store.inbound_events import ReviewDecision

    with context.open_ledger() as ledger:
        waiting = {request.no: request for request in ledger.inbound_events.open_requests()}
        UserError.collect(
            Problem(f"no request {number} waits for a decision", hint="mailrunner inbox --review shows them")
            for number in (*accepted, *ignored)
            if number not in waiting
        )
        decisions = {
            **dict.fromkeys(accepted, ReviewDecision.UNSUBSCRIBE),
            **dict.fromkeys(ignored, ReviewDecision.IGNORE),
        }
        decided = [
            (waiting[number], how)
            for number, how in decisions.items()
            if ledger.inbound_events.review(number, how)
        ]
    if as_json:
        context.json({"requests": [_object(request) | {"decided": str(how)} for request, how in decided]})
        return Exit.DONE
    for request, how in decided:
        done = f"unsubscribed from {_scope(request)}" if how is ReviewDecision.UNSUBSCRIBE else "ignored"
        context.result(f"{request.no}\t{request.key}\t{done}")
    return Exit.DONE


def _show(context: CommandContext, requests: Sequence[UnsubscribeRequest]) -> None:
    if not requests:
        context.result("No request waits for a decision.")
        return
    width = max(len(request.key) for request in requests)
    for request in requests:
        day = f"{request.happened_at:%Y-%m-%d}"
        context.result(f"{request.no:>5}  {request.key:<{width}}  {day}  {_scope(request)}")
        context.result(f"       {request.words}")
    context.say("To decide: mailrunner inbox --review --unsubscribe N,N… or --ignore N,N…")


def _scope(request: UnsubscribeRequest) -> str:
    return f'the list "{request.list_name}"' if request.list_key else "all lists"


def _object(request: UnsubscribeRequest) -> dict[str, Any]:
    return {
        "request": request.no,
        "address": request.key,
        "list": request.list_name or None,
        "words": request.words,
        "source": request.source,
        "happened_at": rfc3339(request.happened_at),
    }


def _numbers(option: str, texts: Iterable[str]) -> list[int]:
    found = []
    for word in (word for text in texts for word in text.replace(",", " ").split()):
        if not word.isdecimal() or len(word) > _DIGITS:
            raise typer.BadParameter(f'{option}: "{word}" is not the number of a request')
        found.append(int(word))
    return found
