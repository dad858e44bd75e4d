"""The templates of the dashboard: whole pages, and the sections of a page that its stream renews."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader
from markupsafe import Markup

from mailrunner.clock import rfc3339
from mailrunner.preview.safe_html import SANDBOX
from mailrunner.web.page_environment import page_environment

_LONGEST = 300  # characters of one value in a list
_LIVE = "live_"  # blocks of this beginning are sections that the stream renews


class PageTemplates:
    """The pages; moments are told in `zone`, those of today by the clock alone."""

    def __init__(self, zone: tzinfo, *, now: Callable[[], datetime], **everywhere: Any) -> None:
        self._zone, self._now = zone, now
        self._environment = page_environment(
            ChoiceLoader([PackageLoader("mailrunner.web.dashboard"), PackageLoader("mailrunner.report", ".")])
        )
        self._environment.filters |= {
            "when": self.when,
            "clock": lambda moment: f"{moment.astimezone(self._zone):%a %d %b, %H:%M:%S}",
            "share": share,
            "short": short,
        }
        self._environment.globals |= {"sandbox": SANDBOX, "zone": self._zone_name(), **everywhere}
        # Not imported by each page: its blocks are rendered alone by the stream.
        drawings, charts = (self._environment.get_template(f"{name}.html") for name in ("drawings", "charts"))
        self._environment.globals |= {"draw": drawings.module, "charts": charts.module}

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
