"""Jinja templates of a campaign: found in one folder, compiled once, rendered in a sandbox.

A template is rendered either as HTML, where every value is escaped, or as text, where none is; that
depends on what it is for and not on what its file is called.  A name that does not exist is an
error, an empty cell is nothing, and values cannot be changed by a template, as all rows share `vars`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from jinja2 import meta, nodes

from mailrunner.config.paths import is_file
from mailrunner.errors import Problem, UserError, nearest
from mailrunner.rendering.authoring.jinja_marks import TemplateText
from mailrunner.rendering.calendars import marked_value
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.flat_template import flat_segments
from mailrunner.rendering.inline_images import NameTags
from mailrunner.rendering.linked_sheets import LinkedSheets
from mailrunner.rendering.private_files import PrivateFiles
from mailrunner.rendering.segments import SegmentingEnvironment, keeps_segments
from mailrunner.rendering.template_choice import ChoiceEnvironment, ChoiceRules, folders
from mailrunner.rendering.template_hints import not_utf8, syntax_hint
from mailrunner.rendering.template_names import TemplateTree


class _Absent(jinja2.StrictUndefined):
    """A name that does not exist, with a message for the author of the template."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        if self._undefined_obj is jinja2.utils.missing:
            return f'nothing is called "{self._undefined_name}"'
        return f'there is no "{self._undefined_name}" in what stands before it'


class _Loader(jinja2.FileSystemLoader):
    """Reads templates of the project only, also where a symlink points out of it, and each one once.

    Jinja loads an included file when a row first needs it; a file edited by then would be sent to
    some, and under the digest of the other text.  `texts` is what was read, by name.
    """

    def __init__(self, folder: Path, templates_dir: Path, private: PrivateFiles) -> None:
        super().__init__(templates_dir)
        self._private = private
        self._project = folder.resolve()
        self._label = _labels(folder, templates_dir)
        self.texts: dict[str, str] = {}
        self.made: dict[str, str] = {}  # the label of a template that was made of a file, by its name
        self.lines: dict[str, tuple[int, ...]] = {}

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return the text, and the name that errors give as its file."""
        label = self.made.get(template) or self._label(template)
        if template in self.texts:
            return self.texts[template], label, lambda: True
        try:
            source, filename, _ = super().get_source(environment, template)
        except UnicodeDecodeError:
            octets = (Path(self.searchpath[0]) / template).read_bytes()
            raise UserError(not_utf8(octets, label)) from None
        path = Path(filename).resolve()
        if not path.is_relative_to(self._project):
            raise UserError(Problem("is outside the project", file=label))
        if reason := self._private.text_reason(path, source.encode()):
            raise UserError(Problem(f"is not sent: it {reason}", file=label))
        self.texts[template] = source
        return source, label, lambda: True


class Templates:
    """The templates of one campaign, and a memory of every file that they are made of."""

    def __init__(
        self,
        *,
        folder: Path,
        templates_dir: Path,
        private: PrivateFiles | None = None,
        given: Collection[str] = (),
        filters: Mapping[str, Callable[..., object]] | None = None,
    ) -> None:
        """`private` are files that are never sent, also not as a template.

        `given` are the names whose values the campaign file gives: by these a template may name others.
        `filters` are those that templates have beside Jinja's.
        """
        private = private or PrivateFiles(folder=folder, templates_dir=templates_dir, named={})
        self._folder = templates_dir
        self._label = _labels(folder, templates_dir)
        self._loader = _Loader(folder, templates_dir, private)
        self._sheets = LinkedSheets(templates_dir, private)
        options: dict[str, Any] = {
            "loader": self._loader,
            "undefined": _Absent,
            "finalize": _nothing_for_none,
            "auto_reload": False,
            "cache_size": -1,
            "lines": self._loader.lines,
            "own_filters": filters or {},
            "sheets": self._sheets,
        }
        self._choice = ChoiceRules(given)
        self._tags = NameTags()
        self._environments = {
            escaped: ChoiceEnvironment(parsed=[self._choice.guard], autoescape=escaped, **options)
            for escaped in (True, False)
        }
        self._calendars = ChoiceEnvironment(
            parsed=[self._choice.guard],
            autoescape=False,
            **{**options, "finalize": marked_value(_nothing_for_none)},
        )
        changes = [self._choice.guard, self._tags.tag]
        self._tagging = ChoiceEnvironment(parsed=changes, autoescape=True, **options)
        # These parse without a change, too: a name that must be guarded is none of theirs.
        self._segmenting = {
            escaped: SegmentingEnvironment(autoescape=escaped, **options) for escaped in (True, False)
        }
        self._parsed: dict[str, TemplateTree] = {}
        self._choices: set[str] = set()  # folders

    def read(self, name: str) -> str:
        """The text of a file that a template is made of; raise UserError if it is none, or does not parse."""
        label = self._label(name)
        with _explained(label, missing=self._missing(name)):
            source, _, _ = self._loader.get_source(self._tagging, name)
            self._segmenting[False].parse(source, filename=label)
        return source.removeprefix("\ufeff")

    def put(self, name: str, made: TemplateText, label: str) -> None:
        """Have a template that was made; errors call it by its `label` and by the lines of its source."""
        self._loader.texts[name], self._loader.made[name] = made.text, label
        self._loader.lines[name] = made.lines

    def html(self, name: str) -> CompiledTemplate:
        """Compile a file whose values are escaped; raise UserError with all that is wrong with it."""
        return self._file(name, escaped=True)

    def text(self, name: str) -> CompiledTemplate:
        """Compile a file whose values stand as they are; raise UserError with all that is wrong with it."""
        return self._file(name, escaped=False)

    def calendar_name(self, path: str) -> str:
        """The name of a calendar of templates/, given its path in the project; "" for any other file."""
        home = self._label("")
        return path.removeprefix(home) if path.startswith(home) and path.lower().endswith(".ics") else ""

    def calendar(self, name: str) -> CompiledTemplate:
        """Compile a calendar, whose values stand between marks; raise UserError with all that is wrong."""
        trees = self._whole(self._tree(name))
        with _explained(self._label(name)):
            return CompiledTemplate(self._label(name), self._calendars.get_template(name), trees)

    def line(self, label: str, source: str) -> CompiledTemplate:
        """Compile a template that stands in a campaign file, under a name that errors give."""
        with _explained(label):
            root = self._segmenting[False].parse(source, label, label)
            compiled = _from_text(self._environments[False], label, source)
        trees = self._whole(TemplateTree(label, root, self._load_all(root)))
        return CompiledTemplate(label, compiled, trees)

    def path(self, label: str, source: str) -> CompiledTemplate:
        """As `line`, with its values told apart, if that can be done."""
        line = self.line(label, source)
        if not keeps_segments((tree.root for tree in line.trees), escaped=False):
            return line
        environment = self._segmenting[False]
        return replace(line, segments=environment.segmenting(_from_text(environment, label, source)))

    def sources(self) -> dict[str, str]:
        """The sha256 of every template file used, by its path in the project.

        Included files and linked style sheets count; where a template chooses by name what to include,
        the whole folder does.
        """
        names = {*self._parsed, *self._in_folders(self._choices)}
        sheets = {self._label(name): _digest(text) for name, text in self._sheets.texts.items()}
        return {**{self._label(name): self._sha256(name) for name in sorted(names)}, **sheets}

    def choosing(self, trees: Sequence[TemplateTree]) -> frozenset[str]:
        """The names on which it depends what templates are included; none of them may be a column."""
        return self._choice.involved(trees)

    @property
    def globals(self) -> frozenset[str]:
        """Names that Jinja itself provides (`range`, `dict`, …)."""
        return frozenset(self._environments[False].globals)

    def _named(self, name: str) -> str:
        """What errors call a template: its path in the project, also of the file that it was made of."""
        return self._loader.made.get(name) or self._label(name)

    def _sha256(self, name: str) -> str:
        """The digest of what was read and is sent, whatever stands in the file by now."""
        text = self._loader.texts.get(name)
        octets = (self._folder / name).read_bytes() if text is None else text.encode("utf-8")
        return hashlib.sha256(octets).hexdigest()

    def _file(self, name: str, *, escaped: bool) -> CompiledTemplate:
        trees = self._whole(self._tree(name))
        segmented = keeps_segments((tree.root for tree in trees), escaped=escaped)
        label = self._named(name)
        with _explained(label):
            if escaped and not segmented:
                return CompiledTemplate(label, self._tagging.get_template(name), trees, tags=self._tags)
            template = CompiledTemplate(label, self._environments[escaped].get_template(name), trees)
            if not segmented:
                return template
            environment = self._segmenting[escaped]
            rendered = environment.segmenting(environment.get_template(name))
            return replace(template, segments=flat_segments(trees[0].root, rendered, escaped=escaped))

    def _whole(self, tree: TemplateTree) -> tuple[TemplateTree, ...]:
        """The tree and all that it refers to; raise UserError where a value would name one of them."""
        trees = tuple(_reachable(tree))
        UserError.collect(self._choice.problems(trees))
        return trees

    def _tree(self, name: str) -> TemplateTree:
        """Parse a file and, before it is handed out, all that it names."""
        if name in self._parsed:
            return self._parsed[name]
        label = self._named(name)
        environment = self._environments[False]
        with _explained(label, missing=self._missing(name)):
            source, _, _ = self._loader.get_source(environment, name)
            root = self._segmenting[False].parse(source, name, label)
            environment.compile(source, name, label)  # unknown filters and tests show only here
        loaded: dict[str, TemplateTree] = {}
        tree = self._parsed[name] = TemplateTree(label, root, loaded)
        loaded.update(self._load_all(root))
        return tree

    def _load_all(self, root: nodes.Template) -> dict[str, TemplateTree]:
        optional = _optional(root)
        loaded: dict[str, TemplateTree] = {}
        problems: list[Problem] = []
        for name in meta.find_referenced_templates(root):
            if name is None:
                chosen = folders(root)
                self._choices |= chosen
                loaded.update(self._all_in(chosen))
            elif name not in optional or is_file(self._folder / name):
                try:
                    loaded[name] = self._tree(name)
                except UserError as error:
                    problems += error.problems
        UserError.collect(problems)
        return loaded

    def _in_folders(self, chosen: Set[str]) -> Iterator[str]:
        if chosen:
            yield from (name for name in self._loader.list_templates() if name.startswith(tuple(chosen)))

    def _all_in(self, chosen: Set[str]) -> Iterator[tuple[str, TemplateTree]]:
        """Every template that a name made at run time may mean."""
        for name in self._in_folders(chosen):
            with suppress(UserError):
                yield name, self._tree(name)

    def _missing(self, name: str) -> Problem:
        hint = nearest(name, self._loader.list_templates()) or "templates are looked for in this folder"
        return Problem("does not exist", file=self._label(name), hint=hint)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _from_text(environment: jinja2.Environment, label: str, source: str) -> jinja2.Template:
    # Jinja gives a template from a string no file name, and errors would not name it.
    code: CodeType = environment.compile(source, label, label)
    return environment.template_class.from_code(environment, code, environment.globals.copy())


@contextmanager
def _explained(label: str, missing: Problem | None = None) -> Iterator[None]:
    """Turn what Jinja says of a template into a problem of that file."""
    try:
        yield
    except jinja2.TemplateNotFound as error:
        raise UserError(
            missing or Problem(f'names "{error.name}", which does not exist', file=label)
        ) from None
    except jinja2.TemplateSyntaxError as error:
        hint = syntax_hint(error.message or "", error.source or "", error.lineno)
        raise UserError(Problem(f"line {error.lineno}: {error.message}", file=label, hint=hint)) from None
    except (RecursionError, SyntaxError):  # Python cannot compile what Jinja made of it
        raise UserError(Problem("nests too deeply", file=label, hint="make it simpler")) from None
    except ValueError as error:  # a number of thousands of digits, a NUL in a name
        raise UserError(Problem(f"cannot be read: {error}", file=label)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", file=label)) from None


def _optional(root: nodes.Template) -> set[str]:
    """The names of files that may be missing: `ignore missing`, or one of several to choose from."""
    names: set[str] = set()
    for include in root.find_all(nodes.Include):
        named = include.template
        if include.ignore_missing or not isinstance(named, nodes.Const):
            names |= {c.value for c in (named, *named.find_all(nodes.Const)) if isinstance(c, nodes.Const)}
    return names


def _reachable(tree: TemplateTree) -> list[TemplateTree]:
    """The tree and all that it refers to, each once; templates may refer to each other in a circle."""
    found = [tree]
    for one in found:
        found += [other for other in one.loaded.values() if all(other is not seen for seen in found)]
    return found


def _labels(folder: Path, templates_dir: Path) -> Callable[[str], str]:
    within = templates_dir.is_relative_to(folder)
    home = templates_dir.relative_to(folder).as_posix() if within else templates_dir.name
    return lambda name: f"{home}/{name}"


def _nothing_for_none(value: Any) -> Any:
    """An empty cell of a typed column is nothing: no recipient is greeted as "None"."""
    return "" if value is None else value
