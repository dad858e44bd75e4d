"""Errors of a command, turned into sentences on stderr, an exit code, and the JSON answer of --json."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import complain, show_problems
from mailrunner.cli.signals import terminate_as_interrupt
from mailrunner.errors import LedgerError, MailrunnerError, Problem, UserError

if TYPE_CHECKING:
    from mailrunner.cli.context import CommandContext

# The arrays in the JSON answer of commands that take no campaign.
_PARTS = {"inbox": ("mailboxes",), "list": ("entries",), "history": ("history",)}


def run_command(
    context: CommandContext, name: str, function: Callable[..., Exit | None], given: dict[str, Any]
) -> Exit:
    """Call a command with its options; return its exit code, also where it raised an expected error."""
    terminate_as_interrupt()
    try:
        return function(context, **given) or Exit.DONE
    except UserError as error:
        show_problems(error.problems)
        _answer_in_json(context, name, given, error.problems)
        return Exit.SETUP
    except LedgerError as error:
        complain(str(error.message), error.hint)
        _answer_in_json(context, name, given, (Problem(error.message, hint=error.hint),))
        return Exit.LEDGER
    except KeyboardInterrupt:
        complain("interrupted", "nothing is lost; type the same command to go on")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = "nothing is lost; correct it and type the same command again"
        complain(f"{where}{error.strerror or error}", hint)
        return Exit.LEDGER


def _answer_in_json(
    context: CommandContext, name: str, given: Mapping[str, Any], problems: Sequence[Problem]
) -> None:
    if given.get("as_json"):
        context.json(_failed_answer(context, name, given, problems))


def _failed_answer(
    context: CommandContext, name: str, given: Mapping[str, Any], problems: Sequence[Problem]
) -> dict[str, Any]:
    """The JSON answer of a command that failed, in the shape of its success as far as it is known."""
    from mailrunner.cli.json_objects import campaign_object, problem_objects
    from mailrunner.cli.status_objects import campaign_objects
    from mailrunner.model.delivery import Counts

    campaign = given.get("campaign")
    if not isinstance(campaign, str):
        empty: dict[str, Any] = {part: [] for part in _PARTS.get(name, ("campaigns", "accounts"))}
        return empty | {"problems": problem_objects(problems)}
    try:
        with context.look_at_ledger() as ledger:
            (known,) = campaign_objects(context, ledger, campaign)
    except MailrunnerError:
        known = campaign_object(campaign, state="new", counts=Counts())
    return known | {"reason": problems[0].message, "problems": problem_objects(problems)}


def _close_quietly() -> NoReturn:
    """End without an error where the reader of stdout has closed it (`mailrunner report C | head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)
