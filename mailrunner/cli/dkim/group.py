"""The group `mailrunner dkim`, and what its commands share."""

from __future__ import annotations

import typer

from mailrunner.cli.app import SET_UP, app
from mailrunner.cli.context import CommandContext

dkim_app = typer.Typer(
    help="Manage the DKIM keys of an own relay, by which receivers know that a message is yours.",
    no_args_is_help=True,
)
app.add_typer(dkim_app, name="dkim", rich_help_panel=SET_UP)


def say_record(context: CommandContext, domain: str, selector: str, record: str) -> None:
    """Print a TXT record as zone files and as providers' web forms want it."""
    from mailrunner.rendering.dkim import dns_strings

    strings = " ".join(f'"{string}"' for string in dns_strings(record))
    context.result(
        f"In a zone file:\n{selector}._domainkey.{domain}. IN TXT ( {strings} )\n"
        f"In a provider's form: type TXT, name {selector}._domainkey, value:\n{record}"
    )
