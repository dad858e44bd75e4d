"""`mailrunner dkim show`: the DNS records of the keys in mailrunner.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.dkim.group import dkim_app, say_record
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.rendering.dkim import DkimKey


@command(dkim_app, "show", panel="Keys")
def show(context: CommandContext) -> None:
    """Print the DNS record of each key that mailrunner.toml names."""
    for key in configured_keys(context):
        say_record(context, key.domain, key.selector, key.record())


def configured_keys(context: CommandContext) -> list[DkimKey]:
    """The keys of all accounts, each once; UserError where there is none, or one is of no use."""
    from mailrunner.rendering.dkim import load_key

    project = context.project
    settings = [project.account(name).dkim for name in project.account_names]
    named = {(each.domain, *key) for each in settings if each for key in each.keys}
    if not named:
        hint = "make one with: mailrunner dkim new DOMAIN"
        raise UserError(Problem("no account has a DKIM key", file=project.file.name, hint=hint))
    return [load_key(domain, selector, file) for domain, selector, file in sorted(named)]
