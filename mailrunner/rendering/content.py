"""The content of a campaign's messages: templates and files, read, compiled and checked once.

A name in a template means, in this order: what the program provides (`RESERVED`), a column of the
row, a key of `vars`.  Every column is there as `row["…"]` too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mailrunner.config.toml_file import dotted
from mailrunner.errors import Problem, RowError, UserError, did_you_mean
from mailrunner.rendering.attachments import AttachmentEntry, entry_problems
from mailrunner.rendering.authoring.message import AuthoredMessage, AuthoredSource, authored
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.filters import LocaleFilters
from mailrunner.rendering.headers import single_line
from mailrunner.rendering.inline_images import ImageReference, InlineImage, constant_name, references
from mailrunner.rendering.link_parameters import LinkParameters, with_parameters
from mailrunner.rendering.mime import Part
from mailrunner.rendering.private_files import PrivateFiles
from mailrunner.rendering.project_files import ProjectFile, ProjectFiles
from mailrunner.rendering.template_digest import Readings
from mailrunner.rendering.template_names import RESERVED, unknown
from mailrunner.rendering.templates import Templates

# Keys that came later are in a digest only where they are set: that of other campaigns is the old one.
_LATER_KEYS = ("markdown", "mjml", "frame", "locale", "locale_column")
_HINT = 'name the folder of the images that may be chosen, as in "cid:badges/{{ badge }}.png"'


class MessageSource(AuthoredSource, Protocol):
    """The [message] table of a campaign file; `html` and `text` name files in the templates' folder.

    A protocol, as `rendering` and `campaign`, which reads the table, know nothing of each other: `sending`
    hands it over.
    """

    @property
    def from_(self) -> str: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def locale_column(self) -> str | None: ...
    @property
    def postal_address(self) -> str | None: ...
    @property
    def attachments(self) -> Sequence[str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def vars(self) -> Mapping[str, Any]: ...


class Content:
    """The parts of a message that do not depend on the row, and the templates of those that do.

    `html`, `text` and `subject` are templates, `headers` the templates of extra header fields by
    field name.
    """

    def __init__(
        self,
        *,
        folder: Path,
        templates_dir: Path,
        spec: MessageSource,
        private: Mapping[Path, str],
        can_unsubscribe: bool = True,
        subjects: Mapping[str, str] | None = None,
        links: LinkParameters | None = None,
    ) -> None:
        """Read everything; `problems` then lists all that is wrong.

        `can_unsubscribe` is true where the frame of a message in Markdown has a link to unsubscribe.
        `private` are files that are never sent, and what each is, beside those of every project.  `subjects`
        are those of variants by name, `links` the parameters that links get.
        """
        self._spec = spec
        never_sent = PrivateFiles(folder=folder, templates_dir=templates_dir, named=private)
        self._files = ProjectFiles(folder=folder, templates_dir=templates_dir, private=never_sent)
        self.problems: list[Problem] = [
            Problem(
                f'"{name}" is provided by mailrunner itself',
                key=f"message.vars.{name}",
                hint="choose another",
            )
            for name in sorted(RESERVED & set(spec.vars))
        ]
        self._templates = templates = Templates(
            folder=folder,
            templates_dir=templates_dir,
            private=never_sent,
            given=spec.vars.keys(),
            filters=LocaleFilters(spec.locale, spec.locale_column).by_name(),
        )
        made = self._authored(can_unsubscribe)
        self.html = self._compiled(templates.html, made.html) if made.html else None
        self.text = self._compiled(templates.text, made.text) if made.text else None
        self.subject = self._line("subject", made.subject, made.subject_label)
        self.variants = {
            name: self._line("subject", subject, f"[variants.{name}] subject")
            for name, subject in (subjects or {}).items()
        }
        self._subjects = dict(subjects or {})
        if links:
            self.html = with_parameters(self.html, links, "html") if self.html else None
            self.text = with_parameters(self.text, links, "text") if self.text else None
        self.headers = {name: self._line(f"headers.{name}", value) for name, value in spec.headers.items()}
        self.attachments = tuple(self._attachment(*entry) for entry in enumerate(spec.attachments))
        self._images = dict(self._fixed_images())

    def image(self, image: InlineImage) -> ProjectFile:
        """An inline image; raise RowError if there is none, or none that is sent."""
        known = None if image.folder else self._images.get(image.name)
        return known or self._files.image(image)

    def attached(self, context: Mapping[str, object]) -> list[Part]:
        """The attachments of one row; raise RowError where one is missing, or not sent."""
        read = (attachment.read(self._files, context) for attachment in self.attachments)
        return [file.part for file in read if file]

    def constants(self) -> frozenset[str]:
        """The images that expressions of the template or vars name as a whole: "cid:logo.png"."""
        trees = self.html.trees if self.html else ()
        written = [*(value for tree in trees for value in tree.constants()), *self._spec.vars.values()]
        return frozenset(map(constant_name, written)) - {""}

    def bodies(self) -> dict[str, CompiledTemplate]:
        """The body templates that the campaign has, by "html" and "text"."""
        named = {"html": self.html, "text": self.text}
        return {part: template for part, template in named.items() if template is not None}

    def unknown_names(self, columns: Iterable[str]) -> list[Problem]:
        """Names that every message needs and that neither the columns nor anything else provides."""
        own = set(columns)
        known = own | set(self._spec.vars) | RESERVED | self._templates.globals
        trees = [tree for template in self._all() for tree in template.trees]
        uses = (use for template in self._all() for use in template.certain())
        return [*self._unknown_locale_column(own), *unknown(trees, uses, known, own)]

    def _unknown_locale_column(self, columns: set[str]) -> Iterator[Problem]:
        column = self._spec.locale_column
        if column and column not in columns:
            hint = did_you_mean(column, sorted(columns))
            yield Problem(f'there is no column "{column}"', key="message.locale_column", hint=hint)

    def clashes(self, columns: Iterable[str]) -> list[Problem]:
        """Columns whose name means something else too, so that a template would be misread."""
        return [clash for column in columns for clash in self._clash(column)]

    def digest(self) -> dict[str, str]:
        """A sha256 for each thing the messages are made of, by a name for the user."""
        spec = self._spec
        values = {
            "from": spec.from_,
            "reply_to": spec.reply_to,
            "subject": spec.subject,
            "html": spec.html,
            "text": spec.text,
            **{key: value for key in _LATER_KEYS if (value := getattr(spec, key))},
            "postal_address": spec.postal_address,
            "attachments": list(spec.attachments),
            "headers": dict(spec.headers),
            "vars": dict(spec.vars),
        }
        return {
            **{f"[message] {key}": digest_of(value) for key, value in values.items()},
            **{self._files.image_path(n): f.digest for n, f in self._images.items()},
            **{a.entry: a.file.digest for a in self.attachments if a.file},
            **{f"[variants.{name}] subject": digest_of(text) for name, text in self._subjects.items()},
            **self._templates.sources(),
        }

    def reading_digest(self) -> str:
        """A sha256 of what recipients read: texts with what they include, images and files by content."""
        spec = self._spec
        images = {name: file.digest for name, file in self._images.items()}
        readings = Readings(images)
        return digest_of(
            {
                "from": spec.from_,
                "subject": readings.of(self.subject.trees[0]),
                **{f"variant {name}": readings.of(line.trees[0]) for name, line in self.variants.items()},
                "bodies": {part: readings.of(body.trees[0]) for part, body in self.bodies().items()},
                "images": sorted(images.values()),
                "postal_address": spec.postal_address,
                "attachments": [a.file.digest if a.file else a.entry for a in self.attachments],
                "vars": dict(spec.vars),
            }
        )

    def _all(self) -> list[CompiledTemplate]:
        paths = [a.calendar or a.path for a in self.attachments]
        subjects = (self.subject, *self.variants.values())
        return [*self.bodies().values(), *subjects, *self.headers.values(), *paths]

    def _clash(self, column: str) -> Iterator[Problem]:
        if column in self._spec.vars:
            yield Problem(f'"{column}" is a column and a key of vars', key="message.vars", hint="rename one")
        if column in RESERVED and any(t.mentions(column) for t in self._all()):
            what = f'the templates say "{column}", which is a column and what mailrunner provides'
            yield Problem(what, key="recipients", hint="rename the column")
        trees = [tree for template in self._all() for tree in template.trees]
        if column not in self._spec.vars and column in self._templates.choosing(trees):
            what = f'the templates name a template by "{column}", which is a column'
            yield Problem(what, key="recipients", hint="rename the column")

    def _compiled(self, compile_: Callable[[str], CompiledTemplate], name: str) -> CompiledTemplate:
        try:
            return compile_(name)
        except UserError as error:
            self.problems += [p for p in error.problems if p not in self.problems]
            return self._templates.line(name, "")  # stands in until the problems are raised

    def _authored(self, can_unsubscribe: bool) -> AuthoredMessage:
        try:
            return authored(
                self._spec,
                self._templates,
                can_unsubscribe=can_unsubscribe,
                width=self._files.image_width,
            )
        except UserError as error:
            self.problems += error.problems
            return AuthoredMessage(None, None, self._spec.subject)

    def _line(self, key: str, source: str, label: str = "") -> CompiledTemplate:
        """A one-line template; its own text is checked here, what a row adds later."""
        label = label or f"[message] {key}"
        template = self._compiled(lambda text: self._templates.line(label, text), source)
        try:
            single_line(template.trees[0].written(), label)
        except RowError as error:
            self.problems.append(Problem(str(error), key=f"message.{key}"))
        return template

    def _attachment(self, number: int, entry: str) -> AttachmentEntry:
        key = dotted(("message", "attachments", number))
        self._line("attachments", entry)
        path = self._compiled(lambda text: self._templates.path("[message] attachments", text), entry)
        if name := self._templates.calendar_name(entry):
            made = self._compiled(self._templates.calendar, name)
            return AttachmentEntry(entry, None, path, made)
        if "{{" in entry or "{%" in entry:
            self.problems += entry_problems(entry, path, self._files, key)
            return AttachmentEntry(entry, None, path)
        try:
            return AttachmentEntry(entry, self._files.attachment(entry), path)
        except RowError as error:
            self.problems.append(Problem(str(error), key=key))
            return AttachmentEntry(entry, None, path)

    def _fixed_images(self) -> Iterator[tuple[str, ProjectFile]]:
        """The images that the templates themselves name; one that a row completes is read for that row."""
        trees = self.html.trees if self.html else ()
        for tree in trees:
            for found in references(tree.outline()):
                if not isinstance(found, ImageReference) or "{" in found.texts[0]:
                    continue
                try:
                    if (file := self._fixed_image(found)) is not None:
                        yield found.texts[0], file
                except RowError as error:
                    hint = _HINT if len(found.texts) > 1 else ""
                    self.problems.append(Problem(str(error), file=tree.label, hint=hint))

    def _fixed_image(self, found: ImageReference) -> ProjectFile | None:
        if len(found.texts) == 1:
            return self._files.image(InlineImage(found.texts[0]))
        if not found.folder:
            raise RowError(f"the inline image {found.shown} has no folder before its value")
        return None


def digest_of(value: object) -> str:
    """A sha256 of a value from a TOML file; dates and their like by their text."""
    spelled = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(spelled.encode("utf-8", "surrogatepass")).hexdigest()
