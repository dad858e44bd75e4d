"""The commands.  Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

from importlib import import_module

import typer

app = typer.Typer(
    name="mailrunner",
    help="Send one personal message to each person of a list, within your account's limits, nobody twice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# In the order in which one needs them; the help lists them so.
_CHAPTERS = ("projects", "checking", "looking", "running", "standing", "steering", "suppressing")


def commands() -> typer.Typer:
    """The program with all its commands."""
    for chapter in _CHAPTERS:
        import_module(f"mailrunner.cli.{chapter}")
    return app


def main() -> None:
    """Run the command line."""
    commands()()
