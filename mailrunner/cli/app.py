"""The Typer application: its help panels, the options of every command, and the registration of commands."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from mailrunner import __version__
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.failures import run_command
from mailrunner.cli.options import LogOption, ProjectOption, QuietOption

# The panels of `mailrunner --help`, in the order in which a user needs them.
SET_UP = "Set up"
BEFORE_SENDING = "Before sending"
SEND = "Send"
AFTER_SENDING = "After sending"
LIST_HYGIENE = "List hygiene"
SERVICES = "Services"

app = typer.Typer(
    name="mailrunner",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"mailrunner {__version__}\n")
        raise typer.Exit


@app.callback()
def options_before_the_command(
    ctx: typer.Context,
    project: ProjectOption = None,
    quiet: QuietOption = False,
    log_json: LogOption = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version of mailrunner and exit.",
        ),
    ] = False,
) -> None:
    """Send one personal message to each recipient of a list, within your account's limits, to none twice."""
    ctx.obj = {"project": project, "quiet": quiet, "log_json": log_json}


def command(group: typer.Typer, name: str, *, panel: str) -> Callable[[Callable[..., Any]], Any]:
    """Register a function as command `name` of `group`, listed in the help under `panel`.

    The function's first parameter is the CommandContext, the others are its options; those of every
    command are added.  It returns an Exit, or None for 0.
    """

    def register(function: Callable[..., Exit | None]) -> Callable[..., Exit | None]:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        @wraps(function)
        def entry(ctx: typer.Context, **given: Any) -> None:
            before: dict[str, Any] = ctx.find_root().obj or {}  # options before the command's name
            own = {key: given.pop(key) or before.get(key) for key in ("project", "quiet", "log_json")}
            context = CommandContext(own["project"], bool(own["quiet"]), own["log_json"])
            raise typer.Exit(int(run_command(context, name, function, given)))

        shared = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            _option("project", ProjectOption, None),
            _option("quiet", QuietOption, False),
            _option("log_json", LogOption, None),
        ]
        entry.__signature__ = inspect.Signature([*parameters, *shared])  # type: ignore[attr-defined]
        entry.__annotations__ = {p.name: p.annotation for p in (*parameters, *shared)}
        group.command(name, rich_help_panel=panel)(entry)
        return function

    return register


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
