"""Text parts that are laid out once and then filled with each message's values.

A plan promises what `text_from_html` gives for the message, character by character.

Why that is sound.  The layout depends on a value in three ways only, and all three choose the plan:
whether there is a value and whether blanks begin or end it (its *class*), and what is shown of the
links that it stands in (asked of the very values, for each message).  So a document with tokens in
place of the values, of the same classes and with the same answers, has the same layout, and where its
text has a token the message's has the value.  What is not known for sure makes no plan: values with
control characters or rare entities, blanks that are kept (<pre>) or inside addresses, tokens where only
a number or a style makes sense.  And a new plan is compared with the real thing twice before it is used:
for the message at hand, and for values that look like markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from mailrunner.rendering.html_to_text import Shown, judge, lay_out, text_from_html
from mailrunner.rendering.quoted_printable import Composition
from mailrunner.rendering.segments import SegmentedText, interleaved

_MOST = 32  # plans of one shape
_EMPTY, _BLANK, _TEXT = "", " ", "x"  # classes; a text that blanks begin or end has them around the x

_WEB = ("http:", "https:")
_MAILTO = "mailto:"
_SALTS = ("zq", "qz", "zqz", "qzq", "zzq")
# Attributes that lay a text out, and an exponent, which is shown by what stands in it.
_READ = r"""(?:\s(?:style|start|value|width|height|hidden)=(?:"[^"]*|'[^']*)|<sup\b[^>]*>(?:(?!</sup).)*)"""
_FILLS = re.compile(
    "[\u034f\u200b-\u200d\u2060\ufeff\u00ad]{2}|^[\u034f\u200b\u2060\ufeff\u00ad]|[\u034f\u200b\u2060\ufeff\u00ad]$"
)
_HOSTILE = " & <b>&lt;</b> \"'> é中 {{ x }} (https://x.example/%20&amp;b) end"
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "nbsp": "\u00a0", "#34": '"', "#39": "'"}
_ENTITY = re.compile(r"&(amp|lt|gt|quot|nbsp|#34|#39);")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Filling:
    """A fixed text with some of the values between its pieces; `order` are their numbers."""

    pieces: tuple[str, ...]
    order: tuple[int, ...]

    def filled(self, values: Sequence[str]) -> SegmentedText:
        """The text with these values, in pieces."""
        return SegmentedText(self.pieces, tuple(map(values.__getitem__, self.order)))

    def text(self, values: Sequence[str]) -> str:
        """The text with these values."""
        return interleaved(self.pieces, list(map(values.__getitem__, self.order)))


@dataclass(frozen=True, slots=True)
class TextPlan:
    """The text part of a shape; `composition` is its encoding, for the values that `filling` names."""

    filling: Filling
    composition: Composition


class TextValues(NamedTuple):
    """The values of one message as its text has them, and their classes; () where all are plain text."""

    texts: Sequence[str]
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Sequence[str]) -> TextValues | None:
        """Read the values of a document; None where one has what only a parser may read."""
        texts = values
        joined = " ".join(("", *texts, ""))
        if "&" in joined:
            unescaped = _unescaped(values)
            if unescaped is None:
                return None
            texts, joined = unescaped, " ".join(("", *unescaped, ""))
        if joined.isprintable() and "  " not in joined:
            return cls(texts)
        if _CONTROL.search(joined) or any(map(_FILLS.search, texts)):
            return None
        cores = [" ".join(text.split()) for text in texts]
        classes = tuple([_class(text, core) for text, core in zip(texts, cores, strict=True)])
        return cls(cores, () if set(classes) == {_TEXT} else classes)

    def spelled(self, spellings: Iterable[str]) -> tuple[str, ...]:
        """Give each value its spelling for a document, with the blanks around it that its class says."""
        kinds = self.classes or (_TEXT,) * len(self.texts)
        return tuple([kind.replace(_TEXT, text) for kind, text in zip(kinds, spellings, strict=True)])

    def hostile(self) -> TextValues:
        """Values of the same classes that look like markup."""
        texts = [text + _HOSTILE if text else "" for text in self.texts]
        return TextValues(texts, self.classes)


@dataclass(frozen=True, slots=True)
class _Link:
    """A link whose address or label has values in it."""

    href: Filling
    label: Filling

    def shown(self, texts: Sequence[str]) -> Shown:
        href = self.href.text(texts)
        is_whole = href.startswith(_WEB) or (href.startswith(_MAILTO) and "?" in href)
        if is_whole and not self.label.order and href.strip() != self.label.pieces[0]:
            return Shown.ADDRESS  # as `judge` says of by far most links
        return judge(href, self.label.text(texts))

    @property
    def is_settled(self) -> bool:
        """True if no value changes what is shown of it."""
        head = self.href.pieces[0].strip()
        if self.label.order:
            return not (self.href.order or head)
        return not self.href.order or (head.startswith(_WEB) and not self.label.pieces[0].startswith(head))


@dataclass(slots=True)
class _Group:
    """The plans for values of the same classes, by what is shown of each link in `links`."""

    links: Sequence[_Link]
    plans: dict[tuple[Shown, ...], TextPlan | None] = field(default_factory=dict)

    def shown(self, texts: Sequence[str]) -> tuple[Shown, ...]:
        found = []
        for link in self.links:  # a comprehension is a call of its own, and this is asked of every message
            found.append(link.shown(texts))
        return tuple(found)


class TextPlans:
    """All plans of one shape, whose document has `pieces` around its values."""

    def __init__(self, pieces: tuple[str, ...]) -> None:
        self._pieces = pieces
        whole = "".join(pieces).lower()
        self._salt = next((salt for salt in _SALTS if salt not in whole), "")
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._seen: set[tuple[str, ...]] = set()

    def plan(self, values: TextValues, document: SegmentedText) -> TextPlan | None:
        """The plan for these values, or None where the text is to be made from this message's `document`.

        Plans are built for the second message that could use them.
        """
        group = self._groups.get(values.classes)
        if group is None:
            if not self._salt or self._is_first(values.classes):
                return None
            group = self._groups[values.classes] = _Group(self._draft(values).links)
        shown = group.shown(values.texts)
        if shown not in group.plans:
            # As a list: another thread may add a group meanwhile.
            if sum(len(one.plans) for one in list(self._groups.values())) >= _MOST:
                return None
            group.plans[shown] = self._checked(values, document.text, shown)
        return group.plans[shown]

    def give_up(self) -> None:
        """Plan nothing for this shape any more: a plan was wrong."""
        self._groups, self._salt = {}, ""

    def _is_first(self, classes: tuple[str, ...]) -> bool:
        if classes in self._seen:
            return False
        if len(self._seen) < _MOST:
            self._seen.add(classes)
        return True

    def _draft(self, values: TextValues) -> _Draft:
        return _Draft(self._pieces, self._salt, values)

    def _checked(self, values: TextValues, document: str, shown: tuple[Shown, ...]) -> TextPlan | None:
        """A plan for these values, if it gives the text of their document and of a hostile one."""
        draft, hostile = self._draft(values), values.hostile()
        if draft.is_doubtful or tuple(link.shown(hostile.texts) for link in draft.links) != shown:
            return None
        markup = interleaved(self._pieces, hostile.spelled(map(escape, hostile.texts)))
        for known, html in ((values, document), (hostile, markup)):
            if draft.filling.text(known.texts) != text_from_html(html):
                return None
        return TextPlan(draft.filling, Composition(draft.filling.pieces))


class _Draft:
    """A document with tokens for its values, laid out as if they were the values."""

    def __init__(self, pieces: tuple[str, ...], salt: str, values: TextValues) -> None:
        self.links: list[_Link] = []
        self._values = values
        self._token = re.compile(f"{salt}([0-9]+){salt[::-1]}")
        tokens = [f"{salt}{n}{salt[::-1]}" for n in range(len(values.texts))]
        document = interleaved(pieces, values.spelled(tokens))
        self._doubts = bool(re.search(_READ + salt, document, re.IGNORECASE | re.DOTALL))
        page = lay_out(document, self._judge)
        self.is_doubtful = self._doubts or (page.keeps_blanks and bool(values.classes))
        self.filling = self._split(page.text)

    def _judge(self, href: str, label: str) -> Shown:
        """Judge by the values themselves, and remember what the answer depends on."""
        link = _Link(self._split(href), self._split(label))
        shown = link.shown(self._values.texts)
        if not link.is_settled:
            self.links.append(link)
        if shown is Shown.MAILBOX and not href.strip().lower().startswith(_MAILTO):
            self._doubts = True  # it stands in a value, where it cannot be left out
        classes = self._values.classes
        if classes and any(classes[n] != _TEXT for n in link.href.order):
            self._doubts = True
        return shown

    def _split(self, text: str) -> Filling:
        parts = self._token.split(text)
        return Filling(tuple(parts[::2]), tuple(map(int, parts[1::2])))


def _class(text: str, core: str) -> str:
    if not core:
        return _BLANK if text else _EMPTY
    return f"{' ' if text[0].isspace() else ''}{_TEXT}{' ' if text[-1].isspace() else ''}"


def _unescaped(values: Sequence[str]) -> Sequence[str] | None:
    """The values as a reader of the document has them; None where one has an entity of a rarer kind."""
    ampersands = "".join(values).count("&")
    texts, read = [], 0
    for value in values:
        text, found = _ENTITY.subn(_character, value) if "&" in value else (value, 0)
        texts.append(text)
        read += found
    return texts if read == ampersands else None


def _character(entity: re.Match[str]) -> str:
    return _ENTITIES[entity[1]]
