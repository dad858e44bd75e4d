"""A preview whose files may change while it is looked at.

    live = LivePreview(prepared, load, now=clock.now)
    live.start()
    live.look()          # are the files what they were?  Then live.state is what is to be shown

A change of templates shows at once; one of the list once the new list is read.  What cannot be loaded leaves
the last that could, with the problems beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mailrunner.config.paths import relative_name
from mailrunner.config.project import PROJECT_FILE
from mailrunner.errors import Problem, UserError
from mailrunner.preview import Preview
from mailrunner.preview.file_watch import Stamps, differing, stamps
from mailrunner.preview.list_index import ListIndex
from mailrunner.preview.rendering_pass import RenderingPass
from mailrunner.preview.source_excerpt import SourceLine, source_excerpt
from mailrunner.sending.prepared_campaign import PreparedCampaign

Load = Callable[[PreparedCampaign | None], PreparedCampaign]
"""Reads the files of the campaign anew, with the list of the campaign that is given; raises UserError."""


@dataclass(frozen=True, slots=True)
class PreviewState:
    """The list, template and findings to be shown; `number` is another after every change of it.

    `before` made the messages before the last change, `changed` names the files of that.  `problems` say why
    newer files cannot be shown, `incoming` is the list that is being read in place of this one.
    """

    number: int
    preview: Preview
    index: ListIndex
    rendering: RenderingPass
    before: Preview | None = None
    changed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    incoming: ListIndex | None = None


class LivePreview:
    """The preview of one campaign; `look` may be called in any thread, as often as one likes."""

    def __init__(self, prepared: PreparedCampaign, load: Load, *, now: Callable[[], datetime]) -> None:
        self._prepared, self._load, self._now = prepared, load, now
        self._stamps = self._last = stamps(_files_of(prepared))
        self._lock, self._threads = threading.RLock(), list[threading.Thread]()
        preview, index = Preview(prepared, now=now()), ListIndex(prepared.recipients)
        self._coming: Preview | None = None  # makes the messages of the list that is being read
        self.state = PreviewState(1, preview, index, _pass_of(preview, index))

    @property
    def campaign(self) -> str:
        """The campaign's id."""
        return self._prepared.campaign.id

    def start(self) -> None:
        """Begin to read the list and to render its rows."""
        self._run(self.state.index.read)
        self._run(self.state.rendering.run)

    def stop(self) -> None:
        """Let everything end that was begun, and wait for that."""
        with self._lock:
            state = self.state
            for part in (state.index, state.rendering, state.incoming):
                if part is not None:
                    part.stop()
        for thread in self._threads:
            thread.join()

    def look(self, *, settled: bool = False) -> None:
        """Read the files anew if they have changed; if `settled` not before two looks find them the same.

        An editor may be in the middle of writing one.
        """
        with self._lock:
            now = stamps(self._stamps)
            seen, self._last = self._last, now
            if now != self._stamps and (not settled or now == seen):
                self._reload(now)

    def excerpt(self, problem: Problem) -> list[SourceLine]:
        """The lines of the template around a problem."""
        project = self._prepared.project
        return source_excerpt(problem, project.folder, project.templates_dir)

    def _reload(self, now: Stamps) -> None:
        before, changed = self._prepared, differing(self._stamps, now)
        is_other_list = not _lists_of(before).isdisjoint(changed)
        names = tuple(relative_name(path, before.project.folder) for path in changed)
        state = replace(self.state, number=self.state.number + 1, changed=names, problems=())
        try:
            prepared = self._load(None if is_other_list else before)
        except UserError as error:
            self.state = replace(state, problems=error.problems)
            folder = before.project.folder
            self._watch({*self._stamps, *(folder / each.file for each in error.problems if each.file)}, now)
            return
        self._prepared = prepared
        self._watch(_files_of(prepared), now)
        preview = Preview(prepared, now=self._now())
        if prepared.recipients is not before.recipients:
            self._read_anew(state, preview)
        elif state.incoming is not None:
            self._coming = preview
            self.state = state
        else:
            self._show(state, preview, state.index)

    def _watch(self, paths: Iterable[Path], now: Stamps) -> None:
        """A file that was known is the one that was asked for before it was read."""
        self._stamps = self._last = {**stamps(paths), **{path: now[path] for path in paths if path in now}}

    def _show(self, state: PreviewState, preview: Preview, index: ListIndex) -> None:
        state.rendering.stop()
        rendering = _pass_of(preview, index)
        self.state = replace(
            state, preview=preview, index=index, rendering=rendering, before=self.state.preview, incoming=None
        )
        self._run(lambda: self._render(rendering, state.rendering))

    def _render(self, rendering: RenderingPass, before: RenderingPass) -> None:
        before.ended.wait()  # both write into one index
        rendering.run()

    def _read_anew(self, state: PreviewState, preview: Preview) -> None:
        if state.incoming is not None:
            state.incoming.stop()
        index = ListIndex(self._prepared.recipients)
        self._coming = preview
        self.state = replace(state, incoming=index)
        self._run(lambda: self._read(index))

    def _read(self, index: ListIndex) -> None:
        index.read()
        with self._lock:
            state, preview = self.state, self._coming
            if state.incoming is not index or preview is None:
                return
            state = replace(state, number=state.number + 1)
            if index.error:
                self.state = replace(state, incoming=None, problems=(Problem(index.error),))
                return
            self._show(state, preview, index)
            state.index.stop()

    def _run(self, target: Callable[[], None]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, name="preview")
        self._threads.append(thread)
        thread.start()


def _pass_of(preview: Preview, index: ListIndex) -> RenderingPass:
    return RenderingPass(index, preview.message, preview.comparable, preview.findings)


def _files_of(prepared: PreparedCampaign) -> set[Path]:
    """The files that a preview is made of, as far as they can be named."""
    folder = prepared.project.folder
    parts = (folder / name for name in prepared.renderer.digest() if not name.startswith("["))
    return {prepared.campaign.file, folder / PROJECT_FILE, folder / ".env", *parts, *_lists_of(prepared)}


def _lists_of(prepared: PreparedCampaign) -> set[Path]:
    """The files of the list; a list of a database or of another server has none."""
    spec, folder = prepared.campaign.recipients, prepared.project.folder
    named = [name for name in (spec.csv, spec.xlsx, spec.parquet) if name]
    return {folder / name for name in named if "://" not in name}
