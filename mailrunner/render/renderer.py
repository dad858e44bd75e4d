"""From a row to a message: context → HTML and text → CSS inlined → parts → header fields → bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from mailrunner.config.mailbox import Mailbox
from mailrunner.errors import Problem, RowError, UserError
from mailrunner.render.attachments import inline_names
from mailrunner.render.content import Content, MessageSpec, digest_of
from mailrunner.render.headers import (
    list_id_field,
    mailbox,
    mailbox_field,
    single_line,
    text_field,
    token_field,
    uri_field,
    wire_address,
)
from mailrunner.render.inline import Inliner, PremailerInliner
from mailrunner.render.message import (
    Letter,
    Message,
    Part,
    body_tree,
    compose,
    text_part,
)
from mailrunner.render.text import text_from_html


@dataclass(frozen=True, slots=True)
class Bodies:
    """The body of one message: as people see it, and encoded."""

    html: str | None
    text: str
    html_part: Part | None
    text_part: Part


class Renderer:
    """Renders the rows of one campaign; several threads may call `render` at once."""

    def __init__(
        self,
        *,
        folder: Path,
        templates_dir: Path,
        spec: MessageSpec,
        kind: Literal["bulk", "transactional"],
        campaign_id: str,
        list_name: str,
        list_id: str,
        inliner: Inliner | None = None,
    ) -> None:
        """Read and compile everything; raise UserError with all problems of the files together.

        `list_id` is the value of List-Id, 'Name <key.domain>' (RFC 2919); transactional mail has
        none.  Without an `inliner`, premailer is used.
        """
        self._content = Content(folder=folder, templates_dir=templates_dir, spec=spec)
        self._inliner = inliner or PremailerInliner()
        self._names = {
            **spec.vars,
            "vars": spec.vars,
            "campaign": {"id": campaign_id, "list": list_name},
            "postal_address": spec.postal_address or "",
        }
        self._kind = kind
        self._identity = {"kind": digest_of(kind), "list": digest_of([list_name, list_id, campaign_id])}
        self._fixed_fields, problems = _fixed_fields(spec, list_id if kind == "bulk" else "")
        UserError.collect([*self._content.problems, *problems])

    def render(self, letter: Letter, now: datetime) -> Message:
        """Return the message of one row, dated `now`; raise RowError, with a sentence, if it has none."""
        recipient = Mailbox(letter.name, wire_address(letter.address, "the recipient"))
        sender = wire_address(letter.return_path, "the return path")
        context = {**self._names, **letter.context, **self._own_names(letter)}
        subject = self._subject(letter, context)
        bodies = self._bodies(context)
        images = [self._content.image(name).part for name in inline_names(bodies.html or "")]
        files = [attachment.read(self._content.folder, context) for attachment in self._content.attachments]
        body = body_tree(bodies.text_part, bodies.html_part, images, [file.part for file in files if file])
        fields = [*self._fields(letter, recipient, subject, now), *self._extra_fields(context)]
        return Message(
            sender=sender,
            recipient=recipient.address,
            data=compose(fields, body),
            smtputf8=not sender.isascii() or not all(field.isascii() for field in fields),
            subject=subject,
            html=bodies.html,
            text=bodies.text,
        )

    @property
    def parts(self) -> frozenset[str]:
        """Which body templates the campaign has: "html", "text" or both."""
        return frozenset(self._content.bodies())

    def uses(self, name: str) -> frozenset[str]:
        """The body templates ("html", "text") in which `name` stands, also in files they include."""
        return frozenset(part for part, t in self._content.bodies().items() if t.mentions(name))

    def unknown_names(self, columns: Iterable[str]) -> list[Problem]:
        """Names that every message needs and that neither the columns nor anything else provides."""
        return self._content.unknown_names(columns)

    def clashes(self, columns: Iterable[str]) -> list[Problem]:
        """Columns whose name means something else too, so that a template would be misread."""
        return self._content.clashes(columns)

    def digest(self) -> dict[str, str]:
        """A sha256 for each thing that the messages are made of, by a name for people.

        Renderers whose digests are equal make the same messages of the same rows; the keys that
        differ say what was changed ("templates/spring.html", "[message] subject").
        """
        return {**self._identity, **self._content.digest()}

    def _own_names(self, letter: Letter) -> dict[str, object]:
        """What wins over a column of the same name."""
        provided = {name: self._names[name] for name in ("vars", "campaign", "postal_address")}
        return {**provided, "unsubscribe_url": letter.unsubscribe_url}

    def _subject(self, letter: Letter, context: Mapping[str, object]) -> str:
        subject = single_line(self._content.subject.render(context), "the subject").strip()
        if not subject:
            raise RowError("the subject is empty for this row")
        return single_line(letter.subject_prefix, "the subject's prefix") + subject

    def _bodies(self, context: Mapping[str, object]) -> Bodies:
        html_template, text_template = self._content.html, self._content.text
        html = self._inliner.inline(_body(html_template.render(context), "HTML")) if html_template else None
        if text_template is not None:
            text = _body(text_template.render(context), "text")
        else:
            text = text_from_html(html or "")
        return Bodies(html, text, text_part(html, "html") if html else None, text_part(text, "plain"))

    def _fields(self, letter: Letter, to: Mailbox, subject: str, now: datetime) -> Iterator[bytes]:
        yield token_field("Date", format_datetime(now))
        yield from self._fixed_fields
        yield mailbox_field("To", to)
        yield text_field("Subject", subject)
        yield token_field("Message-ID", letter.message_id)
        yield token_field("X-Mailrunner-Delivery", letter.delivery_token)
        if self._kind == "bulk" and letter.list_unsubscribe:
            yield uri_field("List-Unsubscribe", letter.list_unsubscribe)
            if letter.one_click and _has_https(letter.list_unsubscribe):
                yield token_field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    def _extra_fields(self, context: Mapping[str, object]) -> Iterator[bytes]:
        """The campaign's own header fields; one that is empty for this row is left out."""
        for name, template in self._content.headers.items():
            value = single_line(template.render(context), f"the header {name}").strip()
            if value:
                yield text_field(name, value)


def _fixed_fields(spec: MessageSpec, list_id: str) -> tuple[tuple[bytes, ...], list[Problem]]:
    """The fields that are the same for everyone, and what is wrong with them."""
    makers: dict[str, Callable[[], bytes]] = {
        "message.from": lambda: mailbox_field("From", mailbox(spec.from_))
    }
    if reply_to := spec.reply_to:
        makers["message.reply_to"] = lambda: mailbox_field("Reply-To", mailbox(reply_to))
    if list_id:
        makers["list"] = lambda: list_id_field(list_id)
        if not any(name.lower() == "precedence" for name in spec.headers):
            makers["message.headers"] = lambda: token_field("Precedence", "bulk")
    fields: list[bytes] = []
    problems: list[Problem] = []
    for key, make in makers.items():
        try:
            fields.append(make())
        except RowError as error:
            problems.append(Problem(str(error), key=key))
    return tuple(fields), problems


def _body(text: str, what: str) -> str:
    if "\0" in text:
        raise RowError(f"the {what} contains a NUL character")
    return text


def _has_https(uris: Iterable[str]) -> bool:
    """RFC 8058 §3.1: List-Unsubscribe-Post needs an https URI beside it."""
    return any(uri.lower().startswith("https://") for uri in uris)
