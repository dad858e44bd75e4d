"""`inbox --review`: what people wrote in their own words, and what somebody decides about it."""

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


_DIGITS = 18  # as many as every database can count to


def review(
    session: CommandContext, unsubscribe: Iterable[str], ignore: Iterable[str], *, as_json: bool
) -> Exit:
    """Decide the requests of these numbers; show those that wait where none is named."""
    off, let_be = _numbers("--unsubscribe", unsubscribe), _numbers("--ignore", ignore)
    if both := sorted(set(off) & set(let_be)):
        raise typer.BadParameter(f"request {both[0]} cannot be both decided and ignored")
    if off or let_be:
        return _decide(session, off, let_be, as_json=as_json)
    with session.look_at_ledger() as ledger:
        requests = ledger.inbound_events.open_requests()
    if as_json:
        session.json({"requests": [_object(request) for request in requests]})
    else:
        _show(session, requests)
    return Exit.DONE


def _decide(session: CommandContext, off: Sequence[int], let_be: Sequence[int], *, as_json: bool) -> Exit:
    from mailrunner.store.inbound_events import ReviewDecision

    with session.open_ledger() as ledger:
        waiting = {request.no: request for request in ledger.inbound_events.open_requests()}
        UserError.collect(
            Problem(f"no request {number} waits for a decision", hint="mailrunner inbox --review shows them")
            for number in (*off, *let_be)
            if number not in waiting
        )
        wanted = {
            **dict.fromkeys(off, ReviewDecision.UNSUBSCRIBE),
            **dict.fromkeys(let_be, ReviewDecision.IGNORE),
        }
        decided = [
            (waiting[number], how)
            for number, how in wanted.items()
            if ledger.inbound_events.review(number, how)
        ]
    if as_json:
        session.json({"requests": [_object(request) | {"decided": str(how)} for request, how in decided]})
        return Exit.DONE
    for request, how in decided:
        done = f"off {_scope(request)}" if how is ReviewDecision.UNSUBSCRIBE else "ignored"
        session.result(f"{request.no}\t{request.key}\t{done}")
    return Exit.DONE


def _show(session: CommandContext, requests: Sequence[UnsubscribeRequest]) -> None:
    if not requests:
        session.result("Nobody waits for a decision.")
        return
    width = max(len(request.key) for request in requests)
    for request in requests:
        day = f"{request.happened_at:%Y-%m-%d}"
        session.result(f"{request.no:>5}  {request.key:<{width}}  {day}  {_scope(request)}")
        session.result(f"       {request.words}")
    session.say("To decide: mailrunner inbox --review --unsubscribe N,N… or --ignore N,N…")


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
