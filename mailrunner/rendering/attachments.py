"""The entries of `attachments`: one file for all recipients, or a path that each row completes.

A row's value may complete the path after a folder that the entry itself names, by a single part: it is
a name and no path.  An entry without such a folder would let a row choose among all files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from mailrunner.errors import Problem, RowError
from mailrunner.rendering.calendars import calendar
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.inline_images import VALUE
from mailrunner.rendering.project_files import ProjectFile, ProjectFiles, attached_file
from mailrunner.rendering.segments import unsegmented
from mailrunner.rendering.template_names import outlined

_HINT = 'name a folder of the files that may be chosen, as in "data/tickets/{{ member_no }}.pdf"'
_PLAIN = "write a path with {{ … }} and, at most, {% if … %} around it"


@dataclass(frozen=True, slots=True)
class AttachmentEntry:
    """An entry of `attachments`; `file` is the one for all recipients, else `path` gives each row's.

    `calendar` makes each row's file, where the entry is a calendar of templates/.
    """

    entry: str
    file: ProjectFile | None
    path: CompiledTemplate
    calendar: CompiledTemplate | None = None

    def read(self, files: ProjectFiles, context: Mapping[str, object]) -> ProjectFile | None:
        """Return the row's file; None where an entry with `{% if … %}` gives nothing for this row.

        Raises RowError where the row has no such file, or one that is not sent.
        """
        if self.file is not None:
            return self.file
        if self.calendar is not None:
            octets = calendar(self.calendar.render(context), f"the attachment {self.entry}")
            return attached_file(self.entry.rpartition("/")[2], octets)
        segments = self.path.segments(context)
        if segments is None:
            self.path.render(context)  # says what is wrong with the row
            raise RowError(f'the attachment "{self.entry}" cannot be named for this row')
        if name := segments.text.strip():
            return files.attachment(name, within=_folder(segments.statics, segments.values, name))
        if "{%" in self.entry:
            return None
        raise RowError(f'the attachment "{self.entry}" has no name for this row')


def entry_problems(entry: str, path: CompiledTemplate, files: ProjectFiles, key: str) -> Iterator[Problem]:
    """The faults of an entry that rows complete, whatever they hold."""
    if path.segments is unsegmented:
        yield Problem(f'the attachment "{entry}" hides where its values stand', key=key, hint=_PLAIN)
        return
    for text in _ways(path.trees[0].root.body, {""}):
        if VALUE in text:
            yield from _folder_problems(entry, text.partition(VALUE)[0].strip(), files, key)


def _folder_problems(entry: str, before: str, files: ProjectFiles, key: str) -> Iterator[Problem]:
    folder = before.rpartition("/")[0]
    if not folder:
        message = f'the attachment "{entry}" has no folder before its value, so a row could name any file'
        yield Problem(message, key=key, hint=_HINT)
        return
    try:
        files.require_folder(folder, f"the attachment {entry}")
    except RowError as error:
        yield Problem(str(error), key=key, hint=_HINT)


def _folder(statics: Sequence[str], values: Sequence[str], name: str) -> str:
    """The folder before the first value; raise RowError where a value is more than a part of a name."""
    if not values:
        return ""
    folder = statics[0].strip().rpartition("/")[0]
    if not folder:
        raise RowError(f"the attachment {name} has no folder before its value")
    for value in values:
        _require_name(value, f"the attachment {name}")
    return folder


def _require_name(value: str, what: str) -> None:
    parts = value.replace("\\", "/").split("/")
    if ".." in parts:
        raise RowError(f"{what} is outside the folder that its campaign file names")
    if len(parts) > 1:
        raise RowError(f"{what} is not sent: a value names a file of one folder, without slashes")


def _ways(body: Sequence[nodes.Node], begun: set[str]) -> set[str]:
    """The beginnings of a path, up to its first value, on each way through its conditions."""
    for node in body:
        done = {text for text in begun if VALUE in text}
        begun = done | _further(node, begun - done)
    return begun


def _further(node: nodes.Node, begun: set[str]) -> set[str]:
    if isinstance(node, nodes.Output):
        return {text + outlined(node) for text in begun}
    if isinstance(node, nodes.If):
        bodies = [node.body, *(other.body for other in node.elif_), node.else_]
        return set[str]().union(*(_ways(body, begun) for body in bodies))
    if isinstance(node, nodes.Assign | nodes.Macro):
        return begun
    return {text + VALUE for text in begun}
