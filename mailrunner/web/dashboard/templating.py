"""PageTemplates of the dashboard: everything is text until a template says otherwise.

Addresses, names and servers' words are written by others: they are escaped, and control characters in them
are shown as U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mailrunner.clock import rfc3339
from mailrunner.model.counted import counted
from mailrunner.preview.safe_html import SANDBOX

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_LONGEST = 300  # characters of one value in a list
_LIVE = "live_"  # blocks of this beginning are sections that the stream renews


class PageTemplates:
    """The pages; moments are told in `zone`, those of today by the clock alone."""

    def __init__(self, zone: tzinfo, *, now: Callable[[], datetime], **everywhere: Any) -> None:
        self._zone, self._now = zone, now
        self._environment = Environment(
            loader=PackageLoader("mailrunner.web.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_printable,
        )
        self._environment.filters |= {
            "n": "{:,}".format,
            "when": self.when,
            "clock": lambda moment: f"{moment.astimezone(self._zone):%a %d %b, %H:%M:%S}",
            "share": share,
            "short": short,
            "counted": lambda number, one, several="": counted(number, one, several),
        }
        self._environment.globals |= {"sandbox": SANDBOX, "zone": self._zone_name(), **everywhere}
        # Not imported by each page: its blocks are rendered alone by the stream.
        self._environment.globals["draw"] = self._environment.get_template("charts.html").module

    def page(self, name: str, values: Mapping[str, Any]) -> str:
        """A whole page."""
        return self._environment.get_template(f"{name}.html").render(values)

    def sections(self, name: str, values: Mapping[str, Any]) -> dict[str, str]:
        """The sections of a page that the stream renews, by their ids."""
        template = self._environment.get_template(f"{name}.html")
        context = template.new_context(dict(values))
        return {
            block.removeprefix(_LIVE): "".join(render(context)).strip()
            for block, render in template.blocks.items()
            if block.startswith(_LIVE)
        }

    def when(self, moment: datetime | None) -> Markup:
        """A moment as <time>, in the dashboard's zone, without what it shares with today."""
        if moment is None:
            return Markup("–")
        shown = moment.astimezone(self._zone)
        full = f"{shown:%a %d %b %Y, %H:%M}"
        today = self._now().astimezone(self._zone)
        words = f"{shown:%a %d %b, %H:%M}" if shown.year == today.year else full
        if shown.date() == today.date():
            words = f"{shown:%H:%M}"
        tag = Markup('<time datetime="{}" title="{}">{}</time>')
        return tag.format(rfc3339(moment), full, words)

    def _zone_name(self) -> str:
        return str(getattr(self._zone, "key", "")) or datetime.now(self._zone).tzname() or "UTC"


def share(part: int, whole: int) -> str:
    """A part in percent, with as many digits as tell something."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:
        return f"{percent:.2f} %"
    return f"{percent:.1f} %" if percent < 99.95 or part == whole else "99.9 %"


def short(text: str | None, most: int = _LONGEST) -> str:
    """A value without what would fill the page."""
    given = text or ""
    return given if len(given) <= most else f"{given[:most]}…"


def _printable(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return escape(_CONTROL.sub("\ufffd", value.encode("utf-8", "replace").decode()))
    return value
