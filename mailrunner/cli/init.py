"""`init`, `new` and `demo`: the commands one begins with."""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command, complain
from mailrunner.cli.exit_codes import Exit
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.project import Project
    from mailrunner.config.project_template import ProjectSender

_DEFAULT_PROVIDER = "gmail"


@command(app, "init")
def init(
    session: CommandContext,
    directory: Annotated[Path | None, typer.Argument(metavar="DIR", help="Here by default.")] = None,
    provider: Annotated[str | None, typer.Option(help="A preset: gmail, google-workspace, smtp, …")] = None,
    address: Annotated[str | None, typer.Option(help="The address you send from.")] = None,
    name: Annotated[str | None, typer.Option(help="The name people see beside it.")] = None,
) -> None:
    """Begin a project: a newsletter that can be previewed at once, with a list to try it on."""
    from mailrunner.config import project_template

    folder = directory or session.project_dir or Path()
    if folder.exists() and not folder.is_dir():
        raise UserError(Problem(f"{folder} is a file", hint="name a folder, or one that is still to be made"))
    sender = _sender(session, provider, address, name)
    made, kept = project_template.write(folder, project_template.project_files(sender))
    made_hidden, kept_hidden = project_template.write(folder, project_template.hidden_files(sender))
    project_template.write_schemas(folder)
    for path in (*made, *made_hidden):
        session.say(f"  made  {folder / path}")
    for path in (*kept, *kept_hidden):
        session.say(f"  kept  {folder / path}: it was there already")
    for advice in _missing_lines(folder, sender, kept_hidden):
        session.say(advice)
    _say_next(session, folder, sender)


def _sender(
    session: CommandContext, provider: str | None, address: str | None, name: str | None
) -> ProjectSender:
    """Who sends: from the options, asked for on a terminal, else a placeholder."""
    from mailrunner.config.project_template import placeholder
    from mailrunner.model.mailbox_address import check_address

    question = "Who sends your mail (gmail, google-workspace, smtp, …)?"
    chosen = _answer(
        session, provider, question, _DEFAULT_PROVIDER, read=_usable_provider, option="--provider"
    )
    sender = placeholder(chosen)
    sender = replace(
        sender,
        address=_answer(
            session, address, "Your address?", sender.address, read=check_address, option="--address"
        ),
        name=_answer(
            session, name, "Your name, as people shall see it?", sender.name, read=_one_line, option="--name"
        ),
    )
    if sender.host:
        usual = f"{sender.host}:{sender.port}"
        host, _, port = _answer(session, None, "Your mail server?", usual, read=_server).rpartition(":")
        sender = replace(sender, host=host, port=int(port))
    return sender


def _answer(
    session: CommandContext,
    given: str | None,
    question: str,
    default: str,
    *,
    read: Callable[[str], str],
    option: str = "",
) -> str:
    """The option's value, else what is typed on a terminal, else the default; ask again for what is wrong."""
    if given is not None:
        try:
            return read(given)
        except ValueError as error:
            raise UserError(Problem(str(error), key=option)) from None

    def typed(text: str) -> str:
        try:
            return read(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    if not session.is_interactive:
        return default
    return str(typer.prompt(question, default=default, value_proc=typed, err=True))


def _usable_provider(text: str) -> str:
    from mailrunner.config.providers import preset, preset_names
    from mailrunner.errors import did_you_mean

    name = text.strip().casefold()
    if name not in preset_names():
        raise ValueError(f'there is no provider "{text}"; {did_you_mean(name, preset_names()) or "say smtp"}')
    if preset(name).login == "oauth":
        raise ValueError(preset(name).note)
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
    """What a file that was there already lacks."""
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


def _say_next(session: CommandContext, folder: Path, sender: ProjectSender) -> None:
    from mailrunner.config.project_template import CAMPAIGN

    steps = [f"cd {shlex.quote(str(folder))}"] if folder.resolve() != Path.cwd() else []
    if sender.secrets():
        steps.append(f"put {' and '.join(sender.secrets())} into .env")
    steps += [
        f"mailrunner preview {CAMPAIGN} --open",
        f"mailrunner check {CAMPAIGN}",
        f"mailrunner send-test {CAMPAIGN} --to {sender.address}",
        f"mailrunner run {CAMPAIGN}",
    ]
    session.say("\nNext (the list is an example: put your own into data/):")
    for number, step in enumerate(steps, 1):
        session.say(f"  {number}. {step}")


@command(app, "new")
def new(
    session: CommandContext,
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The new campaign's id.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="CAMPAIGN", help="Begin with a copy of this one.")
    ] = None,
) -> None:
    """Begin a campaign, from a commented example or as a copy of another with templates of its own."""
    from mailrunner.campaign import copy
    from mailrunner.config import project_template

    project = session.project
    name = _usable_id(campaign.removesuffix(".toml"))
    if source is None:
        account, sender = _usual_sender(project)
        contents = project_template.campaign_files(name, account=account, sender=sender)
    else:
        contents = copy.files(project, source, name)
    _refuse_known(session, name, contents)
    made, _ = project_template.write(project.folder, contents)
    for path in made:
        session.say(f"  made  {path}")
    session.say(f"Next: edit {made[0]}, then mailrunner preview {name} --open")


def _usable_id(name: str) -> str:
    from mailrunner.campaign.tables import campaign_id

    try:
        return campaign_id(name)
    except ValueError as error:
        raise UserError(Problem(str(error))) from None


def _usual_sender(project: Project) -> tuple[str, str]:
    """The project's first account and an address to send from."""
    name = next(iter(project.account_names), _DEFAULT_PROVIDER)
    account = project.accounts.get(name)
    return name, account.user if account and "@" in account.user else "you@example.org"


def _refuse_known(session: CommandContext, name: str, contents: dict[str, bytes]) -> None:
    """A new campaign takes nobody's name: not a file's, not an id's, not one in the ledger."""
    from mailrunner.campaign.folder import ids

    problems = [
        Problem("is there already", path, hint="choose another name")
        for path in contents
        if (session.folder / path).exists()
    ]
    if not problems and name in ids(session.project):
        problems.append(Problem(f'there is a campaign "{name}" already', hint="choose another name"))
    with session.look_at_ledger() as ledger:
        if not problems and ledger.campaigns.find(name):
            hint = "choose another name; nobody gets one campaign twice"
            problems.append(Problem(f'the ledger knows a campaign "{name}" already', hint=hint))
    UserError.collect(problems)


@command(app, "demo")
def demo(
    session: CommandContext,
    directory: Annotated[Path | None, typer.Argument(metavar="DIR", help="./demo by default.")] = None,
) -> Exit:
    """Send the example newsletter to a server of our own, waiting at a low cap, and look at the result."""
    from mailrunner.cli.demo_server import LEFT_THE_LIST, LIMIT, CapturingServer, clear, prepare
    from mailrunner.config.project_template import CAMPAIGN

    folder = directory or session.project_dir or Path("demo")
    clear(folder)
    with CapturingServer(folder / "mailbox") as server:
        prepare(folder, host=server.host, port=server.port)
        session.say(f"A project in {folder}, and a server that keeps what it gets in {server.mailbox}.")
        session.say(
            f"It may get {LIMIT.partition('/')[0]} messages in {LIMIT.partition('/')[2]}: watch it wait."
        )
        steps = (
            ("suppress", "add", LEFT_THE_LIST, "--list", "Club news", "--reason", "unsubscribe"),
            ("run", CAMPAIGN, "--wait", "--yes"),
            ("report", CAMPAIGN, "--format", "csv", "--out", str(folder / "report.csv")),
            ("report", CAMPAIGN, "--format", "html", "--out", str(folder / "report.html")),
            ("preview", CAMPAIGN, "--out", str(folder / "preview")),
        )
        codes = [_play(session, folder, *step) for step in steps]
        got = server.addresses.copy()
    if any(codes):
        complain("the demonstration did not end as it should", f"look at {folder}")
        return Exit.SOME_FAILED
    return _show_result(session, folder, got)


def _play(session: CommandContext, folder: Path, *words: str) -> int:
    """Run one command as a person would, in a process of its own."""
    session.say(f"\n$ mailrunner {shlex.join(words)}")
    where = ["--project", str(folder), *(["--quiet"] if session.quiet else [])]
    given = [sys.executable, "-m", "mailrunner", *words, *where]
    return subprocess.run(given, check=False, stdout=sys.stderr).returncode  # noqa: S603 - our own commands


def _show_result(session: CommandContext, folder: Path, got: Counter[str]) -> Exit:
    """Hold the report against what the server got, and say where to look."""
    from mailrunner.cli.demo_server import mistakes

    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    session.result(f"\n{len(rows)} rows on the list")
    kinds = Counter((row["state"], "" if row["state"] == "sent" else row["reason"]) for row in rows)
    for (state, reason), number in kinds.most_common():
        session.result(f"  {number:>3}  {state:<11} {reason}".rstrip())
    wrong = mistakes([row["normalised"] for row in rows if row["state"] == "sent"], got)
    for sentence in wrong:
        complain(sentence)
    if not wrong:
        session.result(
            f"  {got.total()} messages came to {len(got)} people: nobody got two, nobody was lost."
        )
    session.result("Look at:")
    for name in ("preview/index.html", "report.html", "report.csv", "mailbox/"):
        session.result(f"  {folder / name}")
    return Exit.SOME_FAILED if wrong else Exit.DONE
