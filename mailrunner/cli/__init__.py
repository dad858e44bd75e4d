"""The commands.  Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="mailrunner",
    help="Send one personal message to each person of a list, within your account's limits, nobody twice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    from mailrunner.cli import (  # noqa: F401 - each registers its commands
        checking,
        looking,
        projects,
        running,
        standing,
        steering,
        suppressing,
    )

    app()
