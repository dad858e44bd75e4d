"""The templates that a campaign's message is made of: its own, or made of a Markdown or MJML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.authoring import frame, front_matter, markdown, mjml
from mailrunner.rendering.authoring.jinja_marks import TemplateText
from mailrunner.rendering.authoring.markdown_html import ImageWidth

_FRAME_LABEL = "the frame of mailrunner"
_BODY_WIDTH = 512  # pixels that the frame leaves for a picture


class TemplateStore(Protocol):
    """A reader of files in templates/ that keeps the templates made of them."""

    def read(self, name: str) -> str: ...
    def put(self, name: str, made: TemplateText, label: str) -> None: ...


class AuthoredSource(Protocol):
    """The keys of [message] that say which files the message is made of."""

    @property
    def subject(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def markdown(self) -> str | None: ...
    @property
    def mjml(self) -> str | None: ...
    @property
    def frame(self) -> str | None: ...
    @property
    def locale(self) -> str | None: ...


class AuthoredMessage(NamedTuple):
    """The names of the templates for HTML and text, and the subject with what errors call it."""

    html: str | None
    text: str | None
    subject: str
    subject_label: str = "[message] subject"


def authored(
    spec: AuthoredSource, templates: TemplateStore, *, can_unsubscribe: bool, width: ImageWidth
) -> AuthoredMessage:
    """Make the templates of a message; raises UserError with the lines of what is wrong."""
    if spec.markdown:
        return _from_markdown(spec, spec.markdown, templates, can_unsubscribe, width)
    if spec.mjml:
        label = f"templates/{spec.mjml}"
        made = mjml.converted(templates.read(spec.mjml), label, templates.read)
        templates.put(spec.mjml, made, label)
        return AuthoredMessage(spec.mjml, spec.text, spec.subject)
    return AuthoredMessage(spec.html, spec.text, spec.subject)


def _from_markdown(
    spec: AuthoredSource, name: str, templates: TemplateStore, can_unsubscribe: bool, width: ImageWidth
) -> AuthoredMessage:
    label = f"templates/{name}"
    matter = front_matter.read(templates.read(name).replace("\r\n", "\n"), label)
    UserError.collect(matter.problems)
    subject = _subject(spec, matter, label)
    values = _with_language(matter.values, spec.locale)
    if not spec.frame:
        page = frame.source(values, can_unsubscribe=can_unsubscribe, width=width)
        templates.put(frame.NAME, TemplateText(page, ()), _FRAME_LABEL)
    made = markdown.converted(
        matter._replace(values=values),
        label,
        frame_name=spec.frame or frame.NAME,
        can_unsubscribe=can_unsubscribe,
        width=lambda image: min(width(image) or 0, _BODY_WIDTH) or None,
    )
    text = spec.text
    if not text and made.text:
        text = f"{name}, text"
        templates.put(text, made.text, label)
    templates.put(name, made.html, label)
    return AuthoredMessage(name, text, *subject)


def _subject(spec: AuthoredSource, matter: front_matter.FrontMatter, label: str) -> tuple[str, str]:
    """The subject of the campaign file or of the front matter, and what errors call it."""
    own = matter.values.get("subject", "")
    if own and spec.subject:
        hint = "take one of them out"
        message = f"line {matter.lines['subject']}: the subject stands here and in the campaign file"
        raise UserError(Problem(message, label, hint=hint))
    if own:
        return own, f"{label}, line {matter.lines['subject']}"
    if not spec.subject:
        hint = 'write subject = "…" in the campaign file, or subject: … between two lines of --- at its head'
        raise UserError(Problem("the message has no subject", label, hint=hint))
    return spec.subject, AuthoredMessage._field_defaults["subject_label"]


def _with_language(values: Mapping[str, str], locale: str | None) -> Mapping[str, str]:
    """The settings with the language of the campaign's locale, where they name none."""
    if "language" in values or not locale:
        return values
    return {**values, "language": locale.partition(".")[0].replace("_", "-")}
