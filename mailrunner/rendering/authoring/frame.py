"""The ready page around a message in Markdown: logo, card, footer with address and link to unsubscribe."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files

from mailrunner.rendering.authoring.front_matter import FrontMatter
from mailrunner.rendering.authoring.jinja_marks import TemplateText, escaped
from mailrunner.rendering.authoring.markdown_html import ImageWidth
from mailrunner.rendering.colors import channels, luminance

NAME = "mailrunner/frame.html"
"""The name of the frame among templates; no project can have such a file, as its blocks are filled by us."""

_COLOR = "#2f6b46"
_LOGO_WIDTH = 200  # pixels; a logo for printing is many times as wide
_LOGO = '  <tr><td class="brand"><img class="logo" src="cid:{name}" alt="{alt}"{width}></td></tr>\n'


def source(values: Mapping[str, str], *, can_unsubscribe: bool, width: ImageWidth) -> str:
    """The frame as a template, for the settings of one file."""
    logo = values.get("logo", "").removeprefix("cid:")
    color = values.get("color", _COLOR)
    page = (files("mailrunner") / "data/markdown/frame.html").read_text(encoding="utf-8")
    pixels = min(width(logo) or 0, _LOGO_WIDTH) if logo else 0
    sized = f' width="{pixels}"' if pixels else ""
    image = _LOGO.format(name=escape(logo), alt=escaped(values.get("logo_alt", "")), width=sized)
    for field, value in {
        "<<language>>": escape(values.get("language", "en").replace("_", "-")),
        "<<color>>": color,
        "<<link color>>": _shade(color, most=0.18),
        "<<dark link color>>": _shade(color, least=0.35),
        "<<on color>>": on_color(color),
        "<<logo>>": image if logo else "",
        "<<footer>>": _footer(footer_words(values.get("language", "en")), can_unsubscribe),
    }.items():
        page = page.replace(field, value)
    return page


def filled(frame_name: str, matter: FrontMatter, content: TemplateText) -> TemplateText:
    """The template that fills the blocks of a frame with a message."""
    lines = [(f'{{% extends "{frame_name}" %}}', 1)]
    for name in ("title", "preheader"):
        if text := matter.values.get(name):
            filling = f"{{% block {name} %}}{escaped(text)}{{% endblock %}}"
            lines.append((filling, matter.lines[name]))
    lines.append(("{% block content %}", 1))
    text = "".join(f"{line}\n" for line, _ in lines) + content.text.rstrip("\n") + "\n{% endblock %}\n"
    return TemplateText(text, (*(line for _, line in lines), *content.lines))


def text_footer(values: Mapping[str, str], *, can_unsubscribe: bool) -> str:
    """The last lines of the text part, a template."""
    words = footer_words(values.get("language", "en"))
    lines = ["{% if postal_address %}{{ postal_address }}\n{% endif %}"]
    if can_unsubscribe:
        lines = [f"{words['list']}\n", f"{words['unsubscribe']}: {{{{ unsubscribe_url }}}}\n", *lines]
    return "\n-- \n" + "".join(lines)


def on_color(color: str) -> str:
    """White or black, whichever is read better on a color."""
    return "#ffffff" if luminance(color) < 0.2 else "#111111"


def _shade(color: str, *, least: float = 0.0, most: float = 1.0) -> str:
    """A color as dark or as light as it must be to be read on white or on black."""
    original = channels(color)
    for step in range(1, 21):
        if least <= luminance(color) <= most:
            break
        goal, share = (255, step / 20) if luminance(color) < least else (0, step / 20)
        mixed = (round(channel + (goal - channel) * share) for channel in original)
        color = "#" + "".join(f"{channel:02x}" for channel in mixed)
    return color


def _footer(words: Mapping[str, str], can_unsubscribe: bool) -> str:
    address = "{% if postal_address %}{{ postal_address }}{% endif %}"
    if not can_unsubscribe:
        return address
    link = f'<a href="{{{{ unsubscribe_url }}}}">{escape(words["unsubscribe"])}</a>'
    return f"{escape(words['list'])}<br>\n    {link}{{% if postal_address %}} &middot; {{% endif %}}{address}"


@cache
def _phrases() -> Mapping[str, Mapping[str, str]]:
    text = (files("mailrunner") / "data/markdown/footer.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def footer_words(language: str) -> Mapping[str, str]:
    """The words of a footer, "list" and "unsubscribe", in a language such as "de-DE", else in English."""
    return _phrases().get(language.replace("_", "-").lower().partition("-")[0]) or _phrases()["en"]
