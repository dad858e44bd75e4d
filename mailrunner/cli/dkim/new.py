"""`mailrunner dkim new`: a key pair for a domain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.dkim.group import dkim_app, say_record
from mailrunner.errors import Problem, UserError


@command(dkim_app, "new", panel="Keys")
def new(
    context: CommandContext,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain of your From addresses.")],
    selector: Annotated[
        str | None,
        typer.Option(metavar="WORD", help="Where the key stands in DNS. Default: mr with the month."),
    ] = None,
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="An Ed25519 key, as a second one beside RSA.")
    ] = False,
) -> None:
    """Make a private key in the project, and print the DNS record with its public part.

    Example: mailrunner dkim new example.org
    """
    from mailrunner.clock import utc_day
    from mailrunner.config.dkim_table import dkim_domain, dkim_selector
    from mailrunner.rendering.dkim import load_key, make_key

    month = utc_day(context.clock.now()).replace("-", "")[:6]
    try:
        at = dkim_domain(domain.strip().rstrip("."))
        word = dkim_selector(selector or f"mr{month}{'e' if ed25519 else ''}")
    except ValueError as error:
        raise UserError(Problem(str(error))) from None
    file = context.folder / f"dkim-{word}.pem"
    _write(file, make_key(ed25519=ed25519))
    say_record(context, at, word, load_key(at, word, file).record())
    context.result(
        f"\nThe private key is in {file}; no version control should see it.\n"
        f"Add the record, wait until `mailrunner dkim check` finds it, then write into mailrunner.toml:\n"
        f'[accounts.NAME.dkim]\ndomain = "{at}"\n{_keys(word, file, second=ed25519)}'
    )


def _keys(word: str, file: Path, *, second: bool) -> str:
    before = "second_" if second else ""
    return f'{before}selector = "{word}"\n{before}key_file = "{file.name}"'


def _write(file: Path, pem: bytes) -> None:
    """Write a new private file; one that is there is kept, as receivers may still need its key."""
    import os

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(
            Problem(f"{file} is there already", hint="name another selector with --selector")
        ) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
