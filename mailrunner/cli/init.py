"""`mailrunner init`: a new project, from options or from questions on the terminal."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.project_template import ProjectSender


_DEFAULT_PROVIDER = "gmail"


@command(app, "init", panel=SET_UP)
def init(
    context: CommandContext,
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Folder of the new project. Default: the current folder."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="Mail provider that sends: gmail, google-workspace, smtp (any other server), … "
            "Default: asked for on a terminal, else gmail.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Your e-mail address, for From and the login, e.g. ana@example.org."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Your name as recipients see it in From.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Mail server, for a preset that names none (smtp), e.g. mail.example.org:587. "
            "Default: asked for on a terminal.",
        ),
    ] = None,
    from_env: Annotated[
        bool,
        typer.Option(
            "--from-env",
            help="Take server and login from EMAIL_HOST and its like (Django's names), in the environment "
            "or in DIR/.env.",
        ),
    ] = False,
) -> None:
    """Create a project with an example campaign, its template and its list.

    Example: mailrunner init club --provider gmail --address ana@example.org
    """
    from mailrunner.config import project_template

    folder = directory or context.project_dir or Path()
    if folder.exists() and not folder.is_dir():
        raise UserError(Problem(f"{folder} is a file", hint="name another folder"))
    if from_env:
        sender = _sender_of_env(folder, provider or server, address, name)
    else:
        sender = _sender(context, provider, address, name, server)
    made, kept = project_template.write(folder, project_template.project_files(sender))
    made_hidden, kept_hidden = project_template.write(folder, project_template.hidden_files(sender))
    project_template.write_schemas(folder)
    for path in (*made, *made_hidden):
        context.say(f"  made  {folder / path}")
    for path in (*kept, *kept_hidden):
        context.say(f"  kept  {folder / path}: it was there already")
    for advice in _missing_lines(folder, sender, kept_hidden):
        context.say(advice)
    _say_next(context, folder, sender)


def _sender_of_env(
    folder: Path, elsewhere: str | None, address: str | None, name: str | None
) -> ProjectSender:
    """The sender that the environment and `folder`/.env name; address and name go before them.

    `elsewhere` is the value of an option that names a server, which these do too.
    """
    from mailrunner.config.env_sender import env_sender
    from mailrunner.config.variables import read_variables
    from mailrunner.model.mailbox_address import check_address

    if elsewhere is not None:
        hint = "leave those out: EMAIL_HOST tells server and provider"
        raise UserError(Problem("does not go with --provider or --server", key="--from-env", hint=hint))
    variables, problems = read_variables(folder, os.environ)
    UserError.collect(problems)
    sender = env_sender(variables)
    return replace(
        sender,
        address=_given(address, check_address, "--address") if address else sender.address,
        name=_given(name, _one_line, "--name") if name else sender.name,
    )


def _given(text: str, read: Callable[[str], str], option: str) -> str:
    """An option's value as `read` returns it; UserError where it is wrong."""
    try:
        return read(text)
    except ValueError as error:
        raise UserError(Problem(str(error), key=option)) from None


def _sender(
    context: CommandContext,
    provider: str | None,
    address: str | None,
    name: str | None,
    server: str | None,
) -> ProjectSender:
    """The sender: from the options, asked for on a terminal, else a placeholder."""
    from mailrunner.config.project_template import placeholder
    from mailrunner.model.mailbox_address import check_address

    question = "Which provider sends your mail (gmail, google-workspace, smtp, …)?"
    chosen = _answer(
        context, provider, question, _DEFAULT_PROVIDER, read=_usable_provider, option="--provider"
    )
    sender = placeholder(chosen)
    sender = replace(
        sender,
        address=_answer(
            context, address, "Your address?", sender.address, read=check_address, option="--address"
        ),
        name=_answer(
            context,
            name,
            "Your name, as recipients shall see it?",
            sender.name,
            read=_one_line,
            option="--name",
        ),
    )
    if sender.host:
        usual = f"{sender.host}:{sender.port}"
        question = "Your mail server?"
        found = _answer(context, server, question, usual, read=_server, option="--server")
        host, _, port = found.rpartition(":")
        sender = replace(sender, host=host, port=int(port))
    elif server is not None:
        hint = "leave it out, or use --provider smtp"
        raise UserError(Problem(f"the preset {chosen} knows its server", key="--server", hint=hint))
    return sender


def _answer(
    context: CommandContext,
    given: str | None,
    question: str,
    default: str,
    *,
    read: Callable[[str], str],
    option: str = "",
) -> str:
    """The option's value, else what is typed on a terminal, else the default; ask again for what is wrong."""
    if given is not None:
        return _given(given, read, option)

    def typed(text: str) -> str:
        try:
            return read(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    if not context.is_interactive:
        return default
    return str(typer.prompt(question, default=default, value_proc=typed, err=True))


def _usable_provider(text: str) -> str:
    from mailrunner.config.providers import preset_names
    from mailrunner.errors import did_you_mean

    name = text.strip().casefold()
    if name not in preset_names():
        raise ValueError(f'there is no provider "{text}"; {did_you_mean(name, preset_names()) or "say smtp"}')
    return name


def _one_line(text: str) -> str:
    from mailrunner.model.mailbox_address import refuse_control_characters

    return refuse_control_characters(text.strip())


def _server(text: str) -> str:
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        host, port = port, "587"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or any(c in host for c in ' /@"\\'):
        raise ValueError(f'"{text}" is not a server; write e.g. mail.example.org:587')
    return f"{host}:{port}"


def _missing_lines(folder: Path, sender: ProjectSender, kept: list[str]) -> list[str]:
    """Advice for each file that was kept and lacks lines that the project needs."""
    from mailrunner.config import project_template

    wanted = {
        ".gitignore": project_template.IGNORED,
        project_template.SECRETS_FILE: [f"{s}=" for s in sender.secrets()],
    }
    advice = []
    for name in kept:
        text = (folder / name).read_text("utf-8", "replace")
        lines = [line for line in wanted[name] if not _begins_a_line(line, text)]
        if lines:
            advice.append(f"Add to {folder / name}: {' '.join(lines)}")
    return advice


def _begins_a_line(start: str, text: str) -> bool:
    return any(line.strip().startswith(start) for line in text.splitlines())


def _say_next(context: CommandContext, folder: Path, sender: ProjectSender) -> None:
    from mailrunner.config.project_template import CAMPAIGN, placeholder

    steps = [f"cd {shlex.quote(str(folder))}"] if folder.resolve() != Path.cwd() else []
    if sender.by_oauth:
        steps.append("register an app of your own, as docs/login.md says click by click")
    if sender.secrets() and not sender.user_variable:  # else they are where the sender was read from
        steps.append(f"put {' and '.join(sender.secrets())} into .env")
    if sender.by_oauth:
        steps.append(f'mailrunner login {sender.provider}   (needs pip install "mailrunner[oauth]")')
    if sender.host == placeholder(sender.provider).host != "":
        steps.append(f"put your mail server in place of {sender.host} into mailrunner.toml")
    steps += [
        f"mailrunner preview {CAMPAIGN} --open",
        f"mailrunner check {CAMPAIGN}",
        f"mailrunner send-test {CAMPAIGN} --to {sender.address}",
        f"mailrunner run {CAMPAIGN}",
    ]
    context.say("\nNext (the list is an example: put your own into data/):")
    for number, step in enumerate(steps, 1):
        context.say(f"  {number}. {step}")
