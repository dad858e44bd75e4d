"""Features of Can I email that a piece of CSS uses, by its tokens.

Text is never searched: `text-transform` is no `transform`, `@media only screen` is @media, and what stands in
a comment or a string is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import tinycss2

from mailrunner.preview.client_support.support_table import known_features

_SHARED = {  # properties that the table has under another name than their own
    "column-gap": "css-gap",
    "row-gap": "css-gap",
    "left": "css-left-right-top-bottom",
    "right": "css-left-right-top-bottom",
    "top": "css-left-right-top-bottom",
    "bottom": "css-left-right-top-bottom",
    "block-size": "css-block-inline-size",
    "columns": "css-column-layout-properties",
    "column-width": "css-column-layout-properties",
    "column-rule": "css-column-layout-properties",
    "column-span": "css-column-layout-properties",
    "border-inline": "css-border-inline-block",
    "border-block": "css-border-inline-block",
    "margin-inline": "css-margin-inline-block",
    "margin-block": "css-margin-inline-block",
    "padding-inline": "css-padding-inline-block",
    "padding-block": "css-padding-inline-block",
}
_FAMILIES = {  # longhands, by how they begin
    "grid-template": "css-grid-template",
    "scroll-snap": "css-scroll-snap",
    "margin-inline-": "css-margin-inline-start-end",
    "margin-block-": "css-margin-block-start-end",
    "padding-inline-": "css-padding-inline-start-end",
    "padding-block-": "css-padding-block-start-end",
    "margin-": "css-margin",
    "padding-": "css-padding",
    "border-top": "css-border",
    "border-right": "css-border",
    "border-bottom": "css-border",
    "border-left": "css-border",
    "--": "css-variables",
}
_WORDS = {  # what a value says, by its property; "" for any
    "display": {
        "flex": "css-display-flex",
        "inline-flex": "css-display-flex",
        "grid": "css-display-grid",
        "inline-grid": "css-display-grid",
        "none": "css-display-none",
    },
    "": {
        "initial": "css-unit-initial",
        "fit-content": "css-intrinsic-size",
        "min-content": "css-intrinsic-size",
        "max-content": "css-intrinsic-size",
        "system-ui": "css-sytem-ui",
        "ui-serif": "css-sytem-ui",
        "ui-sans-serif": "css-sytem-ui",
        "ui-rounded": "css-sytem-ui",
        "ui-monospace": "css-sytem-ui",
    },
}
_FUNCTIONS = {
    "calc": "css-unit-calc",
    "var": "css-variables",
    "lch": "css-modern-color",
    "oklch": "css-modern-color",
    "lab": "css-modern-color",
    "oklab": "css-modern-color",
    "rgb": "css-rgb",
    "rgba": "css-rgba",
    "repeating-linear-gradient": "css-linear-gradient",
    "repeating-radial-gradient": "css-radial-gradient",
    "repeating-conic-gradient": "css-conic-gradient",
}
_ASKED = {  # of @media
    "prefers-color-scheme": "css-at-media-prefers-color-scheme",
    "prefers-reduced-motion": "css-at-media-prefers-reduced-motion",
    "orientation": "css-at-media-orientation",
    "hover": "css-at-media-hover",
    "any-hover": "css-at-media-hover",
    "-webkit-device-pixel-ratio": "css-at-media-device-pixel-ratio",
    "-webkit-min-device-pixel-ratio": "css-at-media-device-pixel-ratio",
}
_VENDORS = ("-webkit-", "-moz-", "-ms-", "-o-")
_SELECTORS = {  # by the kind of a token, a sign by itself
    "hash": "css-selector-id",
    "[] block": "css-selector-attribute",
    "*": "css-selector-universal",
    ",": "css-selector-grouping",
    ">": "css-selector-child",
    "+": "css-selector-adjacent-sibling",
    "~": "css-selector-general-sibling",
}
_ENDS_SELECTOR = frozenset(",>+~")


def sheet_features(css: str) -> Iterator[str]:
    """The features of a style sheet, one for each time that it is used."""
    yield from _rules(tinycss2.parse_stylesheet(css))


@lru_cache(maxsize=512)
def style_features(css: str) -> tuple[str, ...]:
    """The features of a style attribute."""
    return tuple(_contents(tinycss2.parse_blocks_contents(css)))


def _rules(rules: Iterable[Any]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "comment":
            yield "css-comments"
        elif rule.type == "qualified-rule":
            yield from _selector(rule.prelude)
            yield from _contents(tinycss2.parse_blocks_contents(rule.content))
        elif rule.type == "at-rule":
            yield from _at_rule(rule)


def _at_rule(rule: Any) -> Iterator[str]:
    name = rule.lower_at_keyword
    yield from _known(f"css-at-{_without_vendor(name)}")
    if name == "media":
        words = {token.lower_value for token in _flat(rule.prelude) if token.type == "ident"}
        yield from sorted(_ASKED[word] for word in words & _ASKED.keys())
    if rule.content is None:
        return
    if name in ("media", "supports", "layer", "container", "document"):
        yield from _rules(tinycss2.parse_rule_list(rule.content))
    elif name != "font-face" and not name.endswith("keyframes"):
        yield from _contents(tinycss2.parse_blocks_contents(rule.content))


def _contents(contents: Iterable[Any]) -> Iterator[str]:
    """The declarations of a block, and rules that stand inside it."""
    for each in contents:
        if each.type == "declaration":
            yield from _declaration(each)
        elif each.type == "qualified-rule":
            yield "css-nesting"
            yield from _rules([each])
        elif each.type in ("comment", "at-rule"):
            yield from _rules([each])


def _declaration(declaration: Any) -> Iterator[str]:
    name = _without_vendor(declaration.lower_name)
    yield from _property(name)
    if declaration.important:
        yield "css-important"
    words = {**_WORDS[""], **_WORDS.get(name, {})}
    for token in _flat(declaration.value):
        yield from _value(token, words)
        if token.type in ("url", "function") and name == "background" and _is_image(token):
            yield "css-background-image"


def _property(name: str) -> Iterator[str]:
    if name in _SHARED:
        yield _SHARED[name]
        return
    found = next((slug for start, slug in _FAMILIES.items() if name.startswith(start)), "")
    if found:
        yield found
    elif not name.startswith(("display-", "unit-", "at-", "function-", "selector-", "pseudo-")):
        yield from _known(f"css-{name}")


def _value(token: Any, words: dict[str, str]) -> Iterator[str]:
    if token.type == "dimension":
        yield from _known(f"css-unit-{token.lower_unit}")
    elif token.type == "percentage":
        yield "css-unit-percent"
    elif token.type == "ident" and token.lower_value in words:
        yield words[token.lower_value]
    elif token.type == "function":
        name = _without_vendor(token.lower_name)
        if name in _FUNCTIONS:
            yield _FUNCTIONS[name]
        else:
            yield from (*_known(f"css-function-{name}"), *_known(f"css-{name}"))


def _selector(prelude: list[Any]) -> Iterator[str]:
    """The features of a selector: what stands alone, and what stands between and behind it."""
    before, is_apart, is_pseudo = "", False, False  # the kind of the last token, and a blank behind it
    for token in prelude:
        if token.type == "whitespace":
            is_apart = True
            continue
        kind = token.value if token.type == "literal" else token.type
        yield from _pseudo(token) if is_pseudo and kind != ":" else _simple(kind, before)
        if before and not {kind, before} & _ENDS_SELECTOR:
            if is_apart:
                yield "css-selector-descendant"
            elif kind == "." and before in ("ident", "hash"):
                yield "css-selector-chaining"
        before, is_apart, is_pseudo = kind, False, kind == ":"


def _pseudo(token: Any) -> Iterator[str]:
    """A pseudo-class or pseudo-element, by what stands behind its colons."""
    name = getattr(token, "lower_name", "") or getattr(token, "lower_value", "")
    name = _without_vendor(name)
    yield from (*_known(f"css-pseudo-class-{name}"), *_known(f"css-pseudo-element-{name}"))


def _simple(kind: str, before: str) -> Iterator[str]:
    if kind == "ident":
        yield "css-selector-class" if before == "." else "css-selector-type"
    elif kind in _SELECTORS:
        yield _SELECTORS[kind]


def _flat(tokens: Iterable[Any]) -> Iterator[Any]:
    """The tokens with those inside of functions and brackets."""
    for token in tokens:
        yield token
        inner = getattr(token, "arguments", None) or (token.content if token.type.endswith(" block") else ())
        yield from _flat(inner)


def _is_image(token: Any) -> bool:
    return "url" in (token.type, getattr(token, "lower_name", ""))


def _known(slug: str) -> Iterator[str]:
    if slug in known_features():
        yield slug


def _without_vendor(name: str) -> str:
    return next((name.removeprefix(vendor) for vendor in _VENDORS if name.startswith(vendor)), name)
