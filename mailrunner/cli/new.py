"""`mailrunner new`: a new campaign in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import completion
from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.project import Project


_DEFAULT_ACCOUNT = "gmail"


@command(app, "new", panel=SET_UP)
def new(
    context: CommandContext,
    campaign: Annotated[
        str,
        typer.Argument(
            metavar="CAMPAIGN", help="Id of the new campaign: letters, digits and hyphens, e.g. spring-2027."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CAMPAIGN",
            autocompletion=completion.campaigns,
            help="Copy this campaign and its templates. Default: a commented example.",
        ),
    ] = None,
) -> None:
    """Create a campaign, from a commented example or as a copy of another.

    Example: mailrunner new spring --from newsletter
    """
    from mailrunner.campaign import copy
    from mailrunner.config import project_template

    project = context.project
    name = _usable_id(campaign.removesuffix(".toml"))
    if source is None:
        account, sender = _usual_sender(project)
        contents = project_template.campaign_files(name, account=account, sender=sender)
    else:
        contents = copy.files(project, source, name)
    _refuse_known(context, name, contents)
    made, _ = project_template.write(project.folder, contents)
    for path in made:
        context.say(f"  made  {path}")
    context.say(f"Next: edit {made[0]}, then mailrunner preview {name} --open")


def _usable_id(name: str) -> str:
    from mailrunner.campaign.tables import campaign_id

    try:
        return campaign_id(name)
    except ValueError as error:
        raise UserError(Problem(str(error))) from None


def _usual_sender(project: Project) -> tuple[str, str]:
    """The project's first account and an address to send from."""
    name = next(iter(project.account_names), _DEFAULT_ACCOUNT)
    account = project.accounts.get(name)
    return name, account.user if account and "@" in account.user else "you@example.org"


def _refuse_known(context: CommandContext, name: str, contents: dict[str, bytes]) -> None:
    """Raise UserError where a file, another campaign or the ledger has the name already."""
    from mailrunner.campaign.folder import ids

    problems = [
        Problem("is there already", path, hint="choose another name")
        for path in contents
        if (context.folder / path).exists()
    ]
    if not problems and name in ids(context.project):
        problems.append(Problem(f'there is a campaign "{name}" already', hint="choose another name"))
    with context.existing_ledger() as ledger:
        if not problems and ledger.campaigns.find(name):
            hint = "choose another name; no recipient gets a campaign twice"
            problems.append(Problem(f'the ledger knows a campaign "{name}" already', hint=hint))
    UserError.collect(problems)
