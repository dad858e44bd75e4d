"""`mailrunner import`: a document of Word, Google Docs, Mailchimp and others, made into a template."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import YesOption
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.rendering.documents.template import ImportedTemplate

_LISTS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".xls": "xlsx", ".ods": "xlsx"}


@command(app, "import", panel=SET_UP)
def import_document(
    context: CommandContext,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Word (.docx or filtered HTML), Google Docs (zip or HTML), LibreOffice HTML, "
            "a saved template of Mailchimp, Stripo and others.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the template. Default: the file's.")
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            "--campaign", metavar="CAMPAIGN", help="Have this campaign send it, and use its columns."
        ),
    ] = None,
    recipients: Annotated[
        Path | None,
        typer.Option("--list", metavar="LIST", help="The list whose columns the placeholders mean."),
    ] = None,
    yes: YesOption = False,
) -> None:
    """Make a template of a document: its text, styles and pictures, with its placeholders.

    Example: mailrunner import brief.docx --campaign newsletter
    """
    from mailrunner.rendering.documents.containers import read_document
    from mailrunner.rendering.documents.template import template_of

    stem = _stem(name or file.stem)
    columns = _columns(context, campaign, recipients)
    made = template_of(read_document(file), stem, columns)
    page = f"templates/{stem}.html"
    files = {page: made.html.encode("utf-8")}
    files |= {f"templates/{stem}/{picture}": octets for picture, octets in made.pictures.items()}
    files |= _campaign_file(context, campaign, f"{stem}.html")
    there = {path for path in files if (context.folder / path).exists()}
    _ask(context, [path for path in files if _is_lost(context.folder / path, files[path])], yes=yes)
    _write(context.folder, files)
    for line in _lines(made, files, there, columns):
        context.say(line)
    if campaign is None:
        context.say(
            f'Next: write html = "{stem}.html" in the campaign file, or add --campaign NAME to do that.'
        )
    else:
        context.say(f"Next: mailrunner preview {campaign} --open")


def _stem(text: str) -> str:
    """A name for files and folders, of letters a to z, digits, `-` and `_`."""
    plain = unicodedata.normalize("NFKD", text.removesuffix(".html").replace("ß", "ss"))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", plain.encode("ascii", "ignore").decode()).strip("-").lower()
    return stem[:60] or "document"


def _columns(context: CommandContext, campaign: str | None, recipients: Path | None) -> Sequence[str] | None:
    """The columns of the list that is named, or of that of the only campaign; None where neither is."""
    from mailrunner.campaign.folder import ids
    from mailrunner.campaign.tables import RecipientsSpec
    from mailrunner.recipients.formats import open_source

    if recipients is not None:
        kind = _LISTS.get(recipients.suffix.lower(), "parquet")
        spec = RecipientsSpec.model_validate({kind: str(recipients.absolute())})
        return open_source(spec, context.folder).columns
    known = ids(context.project)
    if campaign is None and len(known) != 1:
        return None
    try:
        return _columns_of(context, campaign or next(iter(known)))
    except UserError:
        if campaign is not None:
            raise
        return None  # the only campaign, which was not asked for, may be unfinished


def _columns_of(context: CommandContext, campaign: str) -> Sequence[str]:
    from mailrunner.campaign.campaign_file import find_campaign
    from mailrunner.campaign.tables import RecipientsSpec
    from mailrunner.config.database_url import absolute_database
    from mailrunner.config.toml_file import read
    from mailrunner.config.variables import expand
    from mailrunner.recipients.formats import open_source

    path = find_campaign(context.project, campaign)
    table, _ = expand(read(path, path.name), context.project.environ)
    named = table.get("recipients")
    try:
        spec = RecipientsSpec.model_validate(named)
    except ValueError:
        hint = f"mailrunner check {campaign} tells what is wrong there"
        raise UserError(Problem("the list cannot be read", path.name, "recipients", hint)) from None
    if spec.database:
        spec = spec.model_copy(update={"database": absolute_database(spec.database, context.folder)})
    return open_source(spec, context.folder).columns


def _campaign_file(context: CommandContext, campaign: str | None, page: str) -> dict[str, bytes]:
    """The campaign's file, edited to send the page; nothing where none is named."""
    if campaign is None:
        return {}
    from mailrunner.campaign.body_edit import with_html
    from mailrunner.campaign.campaign_file import find_campaign
    from mailrunner.config.paths import relative_name

    path = find_campaign(context.project, campaign)
    label = relative_name(path, context.folder)
    return {label: with_html(path, label, page)}


def _is_lost(path: Path, content: bytes) -> bool:
    """True if writing would change a file that is there, and that is no untouched example of `new`."""
    from mailrunner.config.project_template import example_messages

    try:
        return path.read_bytes() not in (content, *example_messages())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _ask(context: CommandContext, changed: Sequence[str], *, yes: bool) -> None:
    """Raise UserError unless files that are there may be overwritten; the campaign was named by the user."""
    overwritten = [path for path in changed if path.startswith("templates/")]
    if yes or not overwritten:
        return
    question = f"Overwrite {', '.join(overwritten[:5])}?"
    if context.is_interactive and typer.confirm(question, err=True):
        return
    hint = "choose another --name, or overwrite it with --yes"
    UserError.collect(Problem("is there already", path, hint=hint) for path in overwritten)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _lines(
    made: ImportedTemplate, files: Mapping[str, bytes], there: Set[str], columns: Sequence[str] | None
) -> Iterator[str]:
    yield from (f"  {_done(path, there)}  {path}" for path in files)
    yield from (f"  · {sentence}" for sentence in made.changes)
    yield from (f"  ! {sentence}" for sentence in made.remarks)
    for shown, name in made.unknown.items():
        where = (
            f"the list has no column for it (it has {', '.join(columns)})" if columns else "no list was named"
        )
        yield f"  ! {shown}: {where}; rename it in the template, or the column to “{name}”"


def _done(path: str, there: Set[str]) -> str:
    """The word for what was done with a file; `there` are those that were there before."""
    if path not in there:
        return "made"
    return "replaced" if path.startswith("templates/") else "changed"
