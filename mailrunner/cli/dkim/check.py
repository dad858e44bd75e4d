"""`mailrunner dkim check`: is what DNS says the public part of our keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.dkim.group import dkim_app
from mailrunner.cli.dkim.show import configured_keys
from mailrunner.cli.exit_codes import Exit, first_of

if TYPE_CHECKING:
    from mailrunner.rendering.dkim import DkimKey


@command(dkim_app, "check", panel="Keys")
def check(context: CommandContext) -> Exit:
    """Compare DNS with the keys that mailrunner.toml names.

    Ends with 0 if all are there, 78 where one is missing or another one, 75 without an answer.
    """
    return first_of([_checked(context, key) for key in configured_keys(context)])


def _checked(context: CommandContext, key: DkimKey) -> Exit:
    from mailrunner.sending.doctor import dns_lookup

    name = f"{key.selector}._domainkey.{key.domain}"
    answer = dns_lookup.ask(name, "TXT")
    if answer.state is dns_lookup.DnsState.UNANSWERED:
        context.result(f"? {name}: no name server answered")
        return Exit.LATER
    if not answer.values:
        context.result(f"✗ {name}: there is no record; mailrunner dkim show prints it")
        return Exit.SETUP
    if len(answer.values) > 1:
        context.result(f"✗ {name}: there is more than one record; leave one")
        return Exit.SETUP
    if _tag(answer.values[0], "p") != _tag(key.record(), "p"):
        context.result(f"✗ {name}: the record holds another key; mailrunner dkim show prints ours")
        return Exit.SETUP
    context.result(f"✓ {name}: the record holds our key")
    return Exit.DONE


def _tag(record: str, name: str) -> str:
    """The value of a tag without blanks (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return next(("".join(value.split()) for tag, _, value in pairs if tag.strip() == name), "")
