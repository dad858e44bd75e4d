"""The commands.  Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from mailrunner import __version__
from mailrunner.cli.context import LogOption, ProjectOption, QuietOption

app = typer.Typer(
    name="mailrunner",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"mailrunner {__version__}\n")
        raise typer.Exit


@app.callback()
def everywhere(
    ctx: typer.Context,
    project: ProjectOption = None,
    quiet: QuietOption = False,
    log_json: LogOption = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which mailrunner this is."),
    ] = False,
) -> None:
    """Send one personal message to each person of a list, within your account's limits, nobody twice."""
    ctx.obj = {"project": project, "quiet": quiet, "log_json": log_json}


# In the order in which one needs them; the help lists them so.
_CHAPTERS = (
    "init",
    "check",
    "report",
    "run",
    "status",
    "pause",
    "resolve",
    "inbox",
    "suppress",
    "suppress_import",
    "serve",
)


def commands() -> typer.Typer:
    """The program with all its commands."""
    for chapter in _CHAPTERS:
        import_module(f"mailrunner.cli.{chapter}")
    return app


def main() -> None:
    """Run the command line."""
    commands()()
