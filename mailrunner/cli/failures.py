"""Errors of a command, turned into sentences on stderr, an exit code, and the JSON answer of --json."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.json_answer import JsonAnswer
from mailrunner.cli.output import complain, show_problems
from mailrunner.cli.signals import SIGNALS
from mailrunner.errors import LedgerError, Problem, UserError, of_os_error

if TYPE_CHECKING:
    from mailrunner.cli.context import CommandContext


def run_command(
    context: CommandContext, name: str, function: Callable[..., Exit | None], given: dict[str, Any]
) -> Exit:
    """Call a command with its options; return its exit code, also where it raised an expected error."""
    # What drivers and other libraries log would go to stderr raw, as no handler was asked for it.
    logging.getLogger().addHandler(logging.NullHandler())
    answer = JsonAnswer(context, name, given)
    SIGNALS.answer = answer.interrupted
    try:
        with SIGNALS.raising():
            return function(context, **given) or Exit.DONE
    except KeyboardInterrupt:
        return _interrupted(answer)
    except Exception as error:
        if SIGNALS.was_raised:  # a library has made something else of it
            return _interrupted(answer)
        return _failed(error, answer)


def _interrupted(answer: JsonAnswer) -> Exit:
    SIGNALS.leaving()
    complain("interrupted", "nothing is lost; type the same command to go on")
    answer.interrupted()
    return Exit.INTERRUPTED


def _failed(error: Exception, answer: JsonAnswer) -> Exit:
    """Say what is wrong; raises what is no expected error again."""
    if isinstance(error, UserError):
        show_problems(error.problems)
        answer.failed(*error.problems)
        return Exit.SETUP
    if isinstance(error, BrokenPipeError):
        _close_quietly()
    if isinstance(error, LedgerError):
        problem = Problem(error.message, hint=error.hint)
    elif isinstance(error, OSError):
        failure = of_os_error(error)
        problem = Problem(failure.message, hint=failure.hint)
    else:
        raise error
    complain(problem.message, problem.hint)
    answer.failed(problem)
    return Exit.LEDGER


def _close_quietly() -> NoReturn:
    """End without an error where the reader of stdout has closed it (`mailrunner report C | head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)
