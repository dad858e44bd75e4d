"""The pages that a subscriber sees: plain HTML, no script, nothing fetched, no e-mail address."""

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

LEAVE, BACK = "leave", "back"  # names of buttons; the value is the list's key, "" for the link's own
Phrases = Mapping[str, str]


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
    state: str
    button: Button | None


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to another page; `href` is relative."""

    label: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """The content of a page."""

    heading: str
    note: str = ""
    warning: str = ""
    rows: Sequence[PreferenceRow] = ()
    button: Button | None = None
    more: PageLink | None = None


class Pages:
    """Renders the pages, in any of the languages."""

    def __init__(self, *, has_logo: bool = False) -> None:
        self._has_logo = has_logo
        folder = resources.files(__package__)
        self._style = folder.joinpath("page.css").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        self._template = environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))

    @property
    def content_policy(self) -> str:
        """The Content-Security-Policy: our style by its hash (CSP level 3, hash-source), and our logo."""
        digest = hashlib.sha256(self._style.encode()).digest()
        style = f"'sha256-{base64.b64encode(digest).decode()}'"
        images = "img-src 'self'; " if self._has_logo else ""
        return (
            f"default-src 'none'; style-src {style}; {images}form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

    def unsubscribe(
        self, preferences: Preferences, token: str, language: str, just: EventKind | None = None
    ) -> str:
        """The page of one list; `just` is the request that the subscriber made on it."""
        words = phrases()[language]
        page = _unsubscribe(preferences, words, is_back=just is EventKind.RESUBSCRIBED)
        return self._page(
            replace(page, more=PageLink(words["choose"], f"../p/{token}")), language, preferences
        )

    def preferences(
        self, preferences: Preferences, _token: str, language: str, _just: EventKind | None = None
    ) -> str:
        """The page of all lists."""
        return self._page(_preferences(preferences, phrases()[language]), language, preferences)

    def not_found(self, language: str) -> str:
        """The page of an unknown path, forged links too."""
        words = phrases()[language]
        return self._page(WebPage(heading=words["nothing"], note=words["nothing_note"]), language)

    def try_later(self, language: str) -> str:
        """The page for a request that could not be recorded now, or came too often."""
        words = phrases()[language]
        return self._page(WebPage(heading=words["later"], note=words["later_note"]), language)

    def _page(self, page: WebPage, language: str, preferences: Preferences | None = None) -> str:
        if preferences is not None and preferences.is_test:
            page = replace(page, warning=phrases()[language]["test"])
        return self._template.render(
            page=page,
            language=language,
            style=Markup(self._style),  # noqa: S704 - our own file
            sender=preferences.sender if preferences else "",
            has_logo=self._has_logo and preferences is not None,
        )


def _unsubscribe(preferences: Preferences, words: Phrases, *, is_back: bool) -> WebPage:
    own, name = preferences.own, preferences.own.name or words["test_list"]
    if own.key == ALL:
        return _unsubscribe_all(preferences, words, is_back=is_back)
    if SubscriptionState.STOPPED in (own.state, preferences.everything.state):
        return WebPage(heading=words["held"], note=words["held_note"])
    if preferences.everything.state is SubscriptionState.OFF:
        button = Button(words["all_mistake"], BACK, ALL, quiet=True)
        return WebPage(heading=words["all_left"], note=words["all_left_note"], button=button)
    personal = f" {words['personal_note']}" if preferences.is_personal else ""
    if own.state is SubscriptionState.OFF:
        button = Button(words["mistake"], BACK, "", quiet=True)
        note = words["left_note"] + personal
        return WebPage(heading=words["left"].format(list=name), note=note, button=button)
    heading, note = ("back", "back_note") if is_back else ("ask", "ask_note")
    button = Button(words["leave"], LEAVE, "", quiet=is_back)
    note = words[note] if is_back else words[note] + personal
    return WebPage(heading=words[heading].format(list=name), note=note, button=button)


def _unsubscribe_all(preferences: Preferences, words: Phrases, *, is_back: bool) -> WebPage:
    """The page of a message that was for no list: its link is for all of them."""
    personal = words["personal_note"] if preferences.is_personal else ""
    state = preferences.everything.state
    if state is SubscriptionState.STOPPED:
        return WebPage(heading=words["held"], note=words["held_note"])
    if state is SubscriptionState.OFF:
        button = Button(words["all_mistake"], BACK, ALL, quiet=True)
        note = f"{words['all_left_note']} {personal}".strip()
        return WebPage(heading=words["all_left"], note=note, button=button)
    if is_back:
        button = Button(words["leave_all"], LEAVE, ALL, quiet=True)
        return WebPage(heading=words["all_back"], note=words["back_note"], button=button)
    note = f"{words['ask_all_note']} {personal}".strip()
    return WebPage(heading=words["ask_all"], note=note, button=Button(words["leave_all"], LEAVE, ALL))


def _preferences(preferences: Preferences, words: Phrases) -> WebPage:
    together = preferences.everything.state
    lists = (preferences.own, *preferences.others) if preferences.own.key != ALL else preferences.others
    rows = [_row(found, together, words) for found in lists]
    note, button = {
        SubscriptionState.ON: ("", Button(words["leave_all"], LEAVE, ALL, quiet=True)),
        SubscriptionState.OFF: (words["all_left_note"], Button(words["all_mistake"], BACK, ALL)),
        SubscriptionState.STOPPED: (words["held_note"], None),
    }[together]
    return WebPage(heading=words["lists"], note=note, rows=rows, button=button)


def _row(preference: ListPreference, together: SubscriptionState, words: Phrases) -> PreferenceRow:
    name = preference.name or words["test_list"]
    if together is not SubscriptionState.ON:  # an entry for all lists is removed for all lists
        return PreferenceRow(name, words["off" if together is SubscriptionState.OFF else "stopped"], None)
    state, button = {
        SubscriptionState.ON: ("on", Button(words["leave_one"], LEAVE, preference.key, quiet=True)),
        SubscriptionState.OFF: ("off", Button(words["join_one"], BACK, preference.key, quiet=True)),
        SubscriptionState.STOPPED: ("stopped", None),
    }[preference.state]
    return PreferenceRow(name, words[state], button)
