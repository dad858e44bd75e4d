"""A template that Jinja reads, whatever the document held: what would be an error there stands as text.

Placeholders are translated one by one; that each block which begins also ends is seen in the whole only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import jinja2

# What begins inside of another is none: so what is begun and never ended takes no square of time.
_MARK = re.compile(
    r"\{% raw %\}.*?\{% endraw %\}"
    r"|(?P<value>\{\{(?:(?!\{[{%#]).)*?\}\})|(?P<statement>\{%(?:(?!\{[{%#]).)*?%\})|(?P<open>\{[{%#])",
    re.DOTALL,
)
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_BLOCKS = frozenset({"if", "for", "block", "macro", "call", "filter", "with", "autoescape"})
_READER = jinja2.Environment(autoescape=True)


@dataclass
class _OpenBlock:
    word: str
    shown: str
    places: list[int]  # of its marks among the pieces


@dataclass
class BlockBalance:
    """Puts a template right; what it left out, and what it made text of, stands in the lists afterwards."""

    left_out: list[str] = field(default_factory=list)
    as_text: list[str] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _open: list[_OpenBlock] = field(default_factory=list)

    def balanced(self, template: str) -> str:
        """The template, without statements that begin or end nothing and with the rest as it is."""
        rest = 0
        for found in _MARK.finditer(template):
            self._pieces.append(template[rest : found.start()])
            self._pieces.append(self._mark(found))
            rest = found.end()
        for block in self._open:
            self.left_out.append(block.shown)
            for place in block.places:
                self._pieces[place] = ""
        return "".join([*self._pieces, template[rest:]])

    def _mark(self, found: re.Match[str]) -> str:
        shown = found[0]
        if found["open"]:
            self.as_text.append(shown)
            return f'{{{{ "{shown}" }}}}'
        if found["value"]:
            return shown if _is_read(shown) else self._raw(shown)
        return self._statement(shown) if found["statement"] else shown

    def _statement(self, shown: str) -> str:
        word = _WORD.match(shown)
        name = word[1] if word else ""
        place = len(self._pieces)
        if name in ("elif", "else"):
            if not (self._open and self._open[-1].word in (("if",) if name == "elif" else ("if", "for"))):
                return self._dropped(shown)
            if not _is_read(f"{{% if 1 %}}{shown}{{% endif %}}"):
                return self._raw(shown)
            self._open[-1].places.append(place)
        elif name.startswith("end"):
            if not (self._open and self._open[-1].word == name[3:]):
                return self._dropped(shown)
            self._open.pop()
        elif not _is_read(shown + (f"{{% end{name} %}}" if name in _BLOCKS else "")):
            return self._raw(shown)
        elif name in _BLOCKS:
            self._open.append(_OpenBlock(name, shown, [place]))
        return shown

    def _dropped(self, shown: str) -> str:
        self.left_out.append(shown)
        return ""

    def _raw(self, shown: str) -> str:
        self.as_text.append(shown)
        return f"{{% raw %}}{shown}{{% endraw %}}"


def _is_read(text: str) -> bool:
    try:
        _READER.parse(text)
    except jinja2.TemplateSyntaxError:
        return False
    return True
