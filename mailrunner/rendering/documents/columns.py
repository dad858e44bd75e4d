"""The column of a list that a placeholder means, whatever the program that wrote it calls it."""

from __future__ import annotations

import keyword
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from mailrunner.rendering.template_names import RESERVED

# What lists and programs call the same thing, in the languages of their makers.


@cache
def _vocabulary() -> tuple[Sequence[frozenset[str]], Mapping[str, frozenset[str]], frozenset[str]]:
    """Groups of names of one column; names of what mailrunner provides; names of the address."""
    text = (files("mailrunner") / "data/import/columns.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    columns = {name: frozenset(words.split()) for name, words in table["columns"].items()}
    provided = {name: frozenset(words.split()) for name, words in table["provided"].items()}
    return tuple(columns.values()), provided, columns["email"]


@dataclass
class ColumnNames:
    """The columns of a list, None where no list was named; `unknown` are the placeholders that fit none."""

    columns: Sequence[str] | None
    unknown: dict[str, str] = field(default_factory=dict)
    fitted: dict[str, str] = field(default_factory=dict)

    def expression(self, name: str, shown: str) -> str:
        """What Jinja writes for a name; `shown` is the placeholder as it stands in the document."""
        core = folded(name)
        if name in RESERVED or name.partition(".")[0] in RESERVED:
            return name
        _, provided, addresses = _vocabulary()
        for meaning, names in provided.items():
            if core in names:
                self.fitted[shown] = meaning
                return meaning
        column = self.fitting(name)
        if column is None and self.columns is None and core in addresses:
            self.fitted[shown] = "recipient.address"
            return "recipient.address"
        if column is None:
            self.unknown[shown] = name
            return spelled(name)
        self.fitted[shown] = column
        return spelled(column)

    def fitting(self, name: str) -> str | None:
        """The column of this name, however it is spelled, or one that means the same; else None."""
        columns = {folded(column): column for column in reversed(self.columns or ())}
        wanted = folded(name)
        if wanted in columns:
            return columns[wanted]
        same = next((group for group in _vocabulary()[0] if wanted in group), frozenset())
        return next((column for core, column in columns.items() if core in same), None)

    def fits(self, name: str) -> bool:
        """True if the list has a column of this name, or of one that means the same, or mailrunner does."""
        provided = self.columns is not None and any(
            folded(name) in names for names in _vocabulary()[1].values()
        )
        return self.fitting(name) is not None or provided

    def is_known(self, name: str) -> bool:
        """True if the name is a column's, or one that every program has."""
        groups, provided, _ = _vocabulary()
        core = folded(name)
        if self.fitting(name) is not None or any(core in names for names in provided.values()):
            return True
        return self.columns is None and any(core in group for group in groups)


def folded(name: str) -> str:
    """The name without accents, blanks, signs and capitals: `Prénom`, `PRENOM` and `pre-nom` are one."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    return re.sub(r"[\W_]", "", "".join(c for c in plain if not unicodedata.combining(c))).casefold()


def spelled(name: str) -> str:
    """A column as an expression: by its name where that is one of Jinja's, else as row["…"]."""
    is_plain = name.isidentifier() and not keyword.iskeyword(name) and name not in ("true", "false", "none")
    if is_plain and not name.startswith("_"):
        return name
    return 'row["{}"]'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
