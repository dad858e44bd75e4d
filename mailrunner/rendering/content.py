"""What a campaign's messages are made of: templates and files, read, compiled and checked once.

A name in a template means, in this order: what the program provides (`RESERVED`), a column of the
row, a key of `vars`.  Every column is there as `row["…"]` too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.rendering.attachments import (
    File,
    fixed_folder,
    image_path,
    inline_names,
    read_attachment,
    read_image,
)
from mailrunner.rendering.headers import single_line
from mailrunner.rendering.template_names import RESERVED, unknown
from mailrunner.rendering.templates import Template, Templates


class MessageSource(Protocol):
    """The [message] table of a campaign file; `html` and `text` name files in the templates' folder."""

    @property
    def from_(self) -> str: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def subject(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def postal_address(self) -> str | None: ...
    @property
    def attachments(self) -> Sequence[str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def vars(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """An entry of `attachments`: one file for everyone, or a path to be made for each row."""

    entry: str
    file: File | None
    path: Template

    def read(self, folder: Path, context: Mapping[str, object]) -> File | None:
        """Return the row's file; None where an entry with `{% if … %}` gives nothing for this row."""
        if self.file is not None:
            return self.file
        name = self.path.render(context).strip()
        if name:
            return read_attachment(folder, name, within=fixed_folder(self.entry))
        if "{%" in self.entry:
            return None
        raise RowError(f'the attachment "{self.entry}" has no name for this row')


class Content:
    """The parts of a message that do not depend on the row, and the templates of those that do.

    `html`, `text` and `subject` are templates, `headers` the templates of extra header fields by
    field name.
    """

    def __init__(self, *, folder: Path, templates_dir: Path, spec: MessageSource) -> None:
        """Read everything; `problems` then lists all that is wrong."""
        self.folder, self._templates_dir, self._spec = folder, templates_dir, spec
        self.problems: list[Problem] = [
            Problem(
                f'"{name}" is provided by mailrunner itself',
                key=f"message.vars.{name}",
                hint="choose another",
            )
            for name in sorted(RESERVED & set(spec.vars))
        ]
        self._templates = templates = Templates(folder=folder, templates_dir=templates_dir)
        self.html = self._compiled(templates.html, spec.html) if spec.html else None
        self.text = self._compiled(templates.text, spec.text) if spec.text else None
        self.subject = self._line("subject", spec.subject)
        self.headers = {name: self._line(f"headers.{name}", value) for name, value in spec.headers.items()}
        self.attachments = tuple(self._attachment(entry) for entry in spec.attachments)
        self._images = dict(self._fixed_images())

    def image(self, name: str) -> File:
        """The image behind `cid:name`; raise RowError if there is none."""
        return self._images.get(name) or read_image(self.folder, self._templates_dir, name)

    def bodies(self) -> dict[str, Template]:
        """The body templates that the campaign has, by "html" and "text"."""
        named = {"html": self.html, "text": self.text}
        return {part: template for part, template in named.items() if template is not None}

    def unknown_names(self, columns: Iterable[str]) -> list[Problem]:
        """Names that every message needs and that neither the columns nor anything else provides."""
        own = set(columns)
        known = own | set(self._spec.vars) | RESERVED | self._templates.globals
        trees = [tree for template in self._all() for tree in template.trees]
        return unknown(trees, (use for template in self._all() for use in template.certain()), known, own)

    def clashes(self, columns: Iterable[str]) -> list[Problem]:
        """Columns whose name means something else too, so that a template would be misread."""
        return [clash for column in columns for clash in self._clash(column)]

    def digest(self) -> dict[str, str]:
        """A sha256 for each thing the messages are made of, by a name for people."""
        spec = self._spec
        values = {
            "from": spec.from_,
            "reply_to": spec.reply_to,
            "subject": spec.subject,
            "html": spec.html,
            "text": spec.text,
            "postal_address": spec.postal_address,
            "attachments": list(spec.attachments),
            "headers": dict(spec.headers),
            "vars": dict(spec.vars),
        }
        return {
            **{f"[message] {key}": digest_of(value) for key, value in values.items()},
            **{image_path(self.folder, self._templates_dir, n): f.digest for n, f in self._images.items()},
            **{a.entry: a.file.digest for a in self.attachments if a.file},
            **self._templates.sources(),
        }

    def _all(self) -> list[Template]:
        paths = [a.path for a in self.attachments]
        return [*self.bodies().values(), self.subject, *self.headers.values(), *paths]

    def _clash(self, column: str) -> Iterator[Problem]:
        if column in self._spec.vars:
            yield Problem(f'"{column}" is a column and a key of vars', key="message.vars", hint="rename one")
        if column in RESERVED and any(t.mentions(column) for t in self._all()):
            what = f'the templates say "{column}", which is a column and what mailrunner provides'
            yield Problem(what, key="recipients", hint="rename the column")

    def _compiled(self, compile_: Callable[[str], Template], name: str) -> Template:
        try:
            return compile_(name)
        except UserError as error:
            self.problems += [p for p in error.problems if p not in self.problems]
            return self._templates.line(name, "")  # stands in until the problems are raised

    def _line(self, key: str, source: str) -> Template:
        """A one-line template; what a person wrote into it is checked here, what a row adds later."""
        template = self._compiled(lambda text: self._templates.line(f"[message] {key}", text), source)
        try:
            single_line(template.trees[0].written(), f"[message] {key}")
        except RowError as error:
            self.problems.append(Problem(str(error), key=f"message.{key}"))
        return template

    def _attachment(self, entry: str) -> Attachment:
        path = self._line("attachments", entry)
        if "{{" in entry or "{%" in entry:
            return Attachment(entry, None, path)
        try:
            return Attachment(entry, read_attachment(self.folder, entry), path)
        except RowError as error:
            self.problems.append(Problem(str(error), key="message.attachments"))
            return Attachment(entry, None, path)

    def _fixed_images(self) -> Iterator[tuple[str, File]]:
        """The images that the templates themselves name; one that a row names is read for that row."""
        trees = self.html.trees if self.html else ()
        for tree in trees:
            for name in inline_names(tree.written()):
                if "{" in name:
                    continue
                try:
                    yield name, read_image(self.folder, self._templates_dir, name)
                except RowError as error:
                    self.problems.append(Problem(str(error), file=tree.label))


def digest_of(value: object) -> str:
    """A sha256 of a value from a TOML file; dates and their like by their text."""
    spelled = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(spelled.encode("utf-8", "surrogatepass")).hexdigest()
