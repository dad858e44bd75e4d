"""UTM parameters on the links of a message: what web analytics tell a campaign's visitors by.

Only absolute http and https addresses get them, and never those of the public pages (unsubscribing,
preferences).  A parameter that stands in the link already is left as it is, so that nothing is there twice;
the fragment stays at the end (RFC 3986 §3).

A link that the template has as a whole is written once.  One with values in it becomes a single value, the
whole address: so a rendering that is told apart has the same fixed texts for every row, and gives the same
text as one that is not.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from itertools import count
from urllib.parse import quote, unquote_plus

from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.segments import SegmentedText, Segmenting, unsegmented

Change = Callable[[str], str]

_FORMS = 64  # of a template, whose links are found once
# A start tag with its attributes, and in it the address; `link` and `base` are no links of a reader.
_TAG = re.compile(
    r"""<(?!link[\s/>]|base[\s/>])[a-z][^\s/>]*(?:[^>"']|"[^"]*"|'[^']*')*?\shref\s*=\s*"""
    r"""(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<c>[^\s"'>]+))""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_BEHIND = re.compile(r"[.,;:!?'*_]+$")  # a sentence goes on there, the address does not
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.IGNORECASE)
_MARKUP = re.compile(r"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_QUOTED = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_MAY_BE_MARKUP = re.compile("[<>\"']").search
_SCHEME = re.compile(r"\s*https?://", re.IGNORECASE)


class LinkParameters:
    """Adds parameters to addresses; `own_pages` is where the public pages are, which get none."""

    def __init__(self, parameters: Mapping[str, str], own_pages: str | None) -> None:
        self._given = [(f"utm_{key}", quote(value, safe="")) for key, value in parameters.items()]
        self._own = own_pages.rstrip("/").casefold() if own_pages else None

    def added(self, address: str) -> str:
        """The address with the parameters that it does not have yet."""
        if not _SCHEME.match(address) or self._is_own(address.strip()):
            return address
        core = address.rstrip()
        bare, sign, fragment = core.partition("#")
        _, mark, query = bare.partition("?")
        there = {unquote_plus(part.partition("=")[0]).casefold() for part in re.split("[&;]", query)}
        wanted = "&".join(f"{name}={value}" for name, value in self._given if name not in there)
        if not wanted:
            return address
        joint = "?" if not mark else "&" if query and not query.endswith("&") else ""
        return f"{bare}{joint}{wanted}{sign}{fragment}{address[len(core) :]}"

    def in_attribute(self, written: str) -> str:
        """The same for an address as it stands in an attribute, where characters are written as entities."""
        address = _ENTITY.sub(lambda found: html.unescape(found[0]), written)
        added = self.added(address)
        return written if added == address else html.escape(added)

    def in_text(self, written: str) -> str:
        """The same for an address in plain text, with what may stand behind it in a sentence."""
        behind = _BEHIND.search(written)
        core = written[: behind.start()] if behind else written
        while core.endswith(")") and core.count(")") > core.count("("):
            core = core[:-1]
        return self.added(core) + written[len(core) :]

    def _is_own(self, address: str) -> bool:
        folded = address.casefold()
        if self._own is None or not folded.startswith(self._own):
            return False
        return folded[len(self._own) :][:1] in ("", "/", "?", "#")


def with_parameters(template: CompiledTemplate, parameters: LinkParameters, kind: str) -> CompiledTemplate:
    """The template, its links with parameters; `kind` is "html" or "text".

    Where an address ends in a plain text depends on the values, so that one is not told apart.
    """
    if kind == "text":
        links = partial(_ADDRESS.sub, lambda found: parameters.in_text(found[0]))
        return replace(template, links=links, segments=unsegmented)
    links = partial(changed, change=parameters.in_attribute)
    return replace(template, links=links, segments=_segmenting(template.segments, parameters.in_attribute))


def changed(page: str, change: Change) -> str:
    """A page with the address of each link changed, as it stands in its attribute."""
    pieces, place = [], 0
    for start, end in _links(page):
        pieces += [page[place:start], change(page[start:end])]
        place = end
    return "".join([*pieces, page[place:]])


def _links(page: str) -> Iterator[tuple[int, int]]:
    for found in _TAG.finditer(page):
        yield found.span(found.lastgroup or 0)


def _segmenting(segments: Segmenting, change: Change) -> Segmenting:
    forms = lru_cache(maxsize=_FORMS)(lambda statics: _LinkedForm(statics, change))

    def linked(context: Mapping[str, object]) -> SegmentedText | None:
        found = segments(context)
        return None if found is None else forms(found.statics).filled(found.values)

    return linked


class _LinkedForm:
    """Fixed texts whose links were found, and what becomes of the values between them.

    `_plan` has for each value afterwards the number of a value before, or the pieces of an address.
    """

    def __init__(self, statics: tuple[str, ...], change: Change) -> None:
        self._change = change
        self._texts, self._plan = [""], list[int | list[str | int]]()
        mark = next(sign for sign in map(chr, range(0xE000, 0xF8FF)) if sign not in "".join(statics))
        page, place = mark.join(statics), 0
        self._is_sound = not any(mark in _QUOTED.sub("", tag[0]) for tag in _MARKUP.finditer(page))
        self._next = count()
        for start, end in _links(page):
            self._outside(page[place:start].split(mark))
            self._address(page[start:end].split(mark))
            place = end
        self._outside(page[place:].split(mark))
        self._statics = tuple(self._texts)

    def filled(self, values: tuple[str, ...]) -> SegmentedText | None:
        """The text with these values; None where a value, or its place, may be markup and make links."""
        if not self._is_sound or any(map(_MAY_BE_MARKUP, values)):
            return None
        return SegmentedText(
            self._statics,
            tuple(
                values[part]
                if isinstance(part, int)
                else self._change("".join(values[p] if isinstance(p, int) else p for p in part))
                for part in self._plan
            ),
        )

    def _outside(self, texts: list[str]) -> None:
        self._texts[-1] += texts[0]
        for text in texts[1:]:
            self._plan.append(next(self._next))
            self._texts.append(text)

    def _address(self, texts: list[str]) -> None:
        if len(texts) == 1:
            self._texts[-1] += self._change(texts[0])
            return
        pieces: list[str | int] = [texts[0]]
        for text in texts[1:]:
            pieces += [next(self._next), text]
        self._plan.append(pieces)
        self._texts.append("")
