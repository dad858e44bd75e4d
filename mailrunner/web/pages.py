"""The pages that a person sees: plain HTML, no script, nothing fetched from anywhere, no address in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from mailrunner.inbound import EventKind
from mailrunner.model.inbound_event import ALL
from mailrunner.web.preferences import ListPreference, Preferences, SubscriptionState
from mailrunner.web.translations import phrases

LEAVE, BACK = "leave", "back"  # the names of the buttons; the value is the list, "" for the link's own
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Button:
    """A form of one button, which asks for `name` of list `value`."""

    label: str
    name: str
    value: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """One list on the preference page."""

    name: str
    standing: str
    button: Button | None


@dataclass(frozen=True, slots=True)
class PageLink:
    """A way to another page, relative to this one."""

    label: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """What stands on a page."""

    heading: str
    note: str = ""
    warning: str = ""
    rows: Sequence[PreferenceRow] = ()
    button: Button | None = None
    more: PageLink | None = None


class Pages:
    """Makes the pages, in any of the languages."""

    def __init__(self) -> None:
        folder = resources.files(__package__)
        self._style = folder.joinpath("page.css").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        self._template = environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))

    @property
    def style_hash(self) -> str:
        """The style as a Content-Security-Policy names it (CSP level 3, hash-source)."""
        digest = hashlib.sha256(self._style.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    def leaving(self, choices: Preferences, token: str, language: str, just: EventKind | None = None) -> str:
        """The page of one list; `just` is what the person asked for a moment ago."""
        words = phrases()[language]
        page = _leaving(choices, words, came_back=just is EventKind.RESUBSCRIBED)
        return self._page(replace(page, more=PageLink(words["choose"], f"../p/{token}")), language, choices)

    def preferences(
        self, choices: Preferences, _token: str, language: str, _just: EventKind | None = None
    ) -> str:
        """The page of all lists."""
        return self._page(_preferences(choices, phrases()[language]), language, choices)

    def nothing(self, language: str) -> str:
        """What stands at every address that leads nowhere, forged links too."""
        words = phrases()[language]
        return self._page(WebPage(heading=words["nothing"], note=words["nothing_note"]), language)

    def later(self, language: str) -> str:
        """For whom nothing could be recorded now."""
        words = phrases()[language]
        return self._page(WebPage(heading=words["later"], note=words["later_note"]), language)

    def _page(self, page: WebPage, language: str, choices: Preferences | None = None) -> str:
        if choices is not None and choices.is_test:
            page = replace(page, warning=phrases()[language]["test"])
        style = Markup(self._style)  # noqa: S704 - our own file
        return self._template.render(page=page, language=language, style=style)


def _leaving(choices: Preferences, words: Words, *, came_back: bool) -> WebPage:
    own, name = choices.own, choices.own.name or words["test_list"]
    if SubscriptionState.STOPPED in (own.standing, choices.everything.standing):
        return WebPage(heading=words["held"], note=words["held_note"])
    if choices.everything.standing is SubscriptionState.OFF:
        button = Button(words["all_mistake"], BACK, ALL, quiet=True)
        return WebPage(heading=words["all_left"], note=words["all_left_note"], button=button)
    if own.standing is SubscriptionState.OFF:
        button = Button(words["mistake"], BACK, "", quiet=True)
        return WebPage(heading=words["left"].format(list=name), note=words["left_note"], button=button)
    heading, note = ("back", "back_note") if came_back else ("ask", "ask_note")
    button = Button(words["leave"], LEAVE, "", quiet=came_back)
    return WebPage(heading=words[heading].format(list=name), note=words[note], button=button)


def _preferences(choices: Preferences, words: Words) -> WebPage:
    together = choices.everything.standing
    rows = [_row(choice, together, words) for choice in (choices.own, *choices.others)]
    note, button = {
        SubscriptionState.ON: ("", Button(words["leave_all"], LEAVE, ALL, quiet=True)),
        SubscriptionState.OFF: (words["all_left_note"], Button(words["all_mistake"], BACK, ALL)),
        SubscriptionState.STOPPED: (words["held_note"], None),
    }[together]
    return WebPage(heading=words["lists"], note=note, rows=rows, button=button)


def _row(choice: ListPreference, together: SubscriptionState, words: Words) -> PreferenceRow:
    name = choice.name or words["test_list"]
    if together is not SubscriptionState.ON:  # what holds for all lists is taken back for all lists
        return PreferenceRow(name, words["off" if together is SubscriptionState.OFF else "stopped"], None)
    standing, button = {
        SubscriptionState.ON: ("on", Button(words["leave_one"], LEAVE, choice.key, quiet=True)),
        SubscriptionState.OFF: ("off", Button(words["join_one"], BACK, choice.key, quiet=True)),
        SubscriptionState.STOPPED: ("stopped", None),
    }[choice.standing]
    return PreferenceRow(name, words[standing], button)
