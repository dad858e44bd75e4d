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
    from mailrunner.sending.doctor.finding import Level
    from mailrunner.sending.doctor.own_keys import key_finding

    name = f"{key.selector}._domainkey.{key.domain}"
    found = key_finding(name, key.record(), dns_lookup.ask(name, "TXT"))
    mark, code = {
        Level.OK: ("✓", Exit.DONE),
        Level.UNKNOWN: ("?", Exit.LATER),
    }.get(found.level, ("✗", Exit.SETUP))
    context.result(f"{mark} {found.what}{f'; {found.remedy}' if found.remedy else ''}")
    return code
