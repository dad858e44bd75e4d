"""The folder of a preview, and the record of the files that previews made in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mailrunner.errors import Problem, UserError
from mailrunner.store.private_file import make_folder, write

_RECORD = ".mailrunner-preview"


class PreviewFolder:
    """Only files that a preview made are ever replaced or removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = folder / _RECORD

    def clear_for(self, names: Iterable[str]) -> None:
        """Remove the files of an earlier preview; then files of these names may be written.

        Raises UserError if other files have one of the names, or if the folder cannot be made.
        """
        names, own = list(names), set(self._own())
        taken = [name for name in names if name not in own and (self._folder / name).exists()]
        if taken:
            message = f"{', '.join(taken[:3])} in it was not made by a preview and would be overwritten"
            raise UserError(Problem(message, str(self._folder), hint="name another folder with --out DIR"))
        self._make_folder()
        for name in own:
            (self._folder / name).unlink(missing_ok=True)
        write(self._record, "".join(f"{name}\n" for name in names).encode())

    def write(self, name: str, octets: bytes) -> None:
        """Write one of the files that the folder was cleared for."""
        write(self._folder / name, octets)

    def _make_folder(self) -> None:
        try:
            make_folder(self._folder)
        except OSError as error:
            raise UserError(
                Problem(
                    f"the folder cannot be made: {error.strerror}",
                    str(self._folder),
                    hint="name another with --out DIR",
                )
            ) from None

    def _own(self) -> Iterator[str]:
        """The names of the files that the last preview made."""
        if self._record.is_file():
            names = self._record.read_text(encoding="utf-8").splitlines()
            yield from (name for name in names if name and Path(name).name == name)
