"""From a row to a message: context → HTML and text → CSS inlined → parts → header fields → bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.rendering.bodies import Bodies, Body
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.content import Content, MessageSource, digest_of
from mailrunner.rendering.headers import (
    list_id_field,
    mailbox_field,
    parsed_mailbox,
    single_line,
    text_field,
    token_field,
    uri_field,
    wire_address,
)
from mailrunner.rendering.inlining import InliningTally, ShapeInliner
from mailrunner.rendering.mime import Message, MessageFields, around_versions, compose
from mailrunner.rendering.segments import LineTemplate

_ONE_CLICK = token_field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
_SECOND = timedelta(seconds=1)
_SENDERS = 16  # return paths that are kept: one, unless each message has its own


class Renderer:
    """Renders the rows of one campaign; several threads may call `render` at once."""

    def __init__(
        self,
        *,
        folder: Path,
        templates_dir: Path,
        spec: MessageSource,
        kind: Literal["bulk", "transactional"],
        campaign_id: str,
        list_name: str,
        list_id: str,
        strict_inlining: bool = False,
        private: Mapping[Path, str] | None = None,
    ) -> None:
        """Read and compile everything; raise UserError with all problems of the files together.

        `list_id` is the value of List-Id, 'Name <key.domain>' (RFC 2919); transactional mail has
        none.  With `strict_inlining` premailer itself makes every document, a hundred times slower.
        `private` are files that are never sent, with what each is ("the ledger"), beside those that
        every project has.
        """
        self._content = Content(folder=folder, templates_dir=templates_dir, spec=spec, private=private or {})
        self._inliner = ShapeInliner(strict=strict_inlining)
        self._bodies = Bodies(
            html=self._content.html,
            text=self._content.text,
            inliner=self._inliner,
            constants=self._content.constants(),
        )
        self._subject_line = _line(self._content.subject)
        self._extra_lines = {name: _line(template) for name, template in self._content.headers.items()}
        self._provided = {
            "vars": spec.vars,
            "campaign": {"id": campaign_id, "list": list_name},
            "postal_address": spec.postal_address or "",
        }
        self._vars = dict(spec.vars)
        self._is_bulk = kind == "bulk"
        self._identity = {"kind": digest_of(kind), "list": digest_of([list_name, list_id, campaign_id])}
        self._sender = lru_cache(maxsize=_SENDERS)(_sender)
        self._date = (datetime.fromtimestamp(0, UTC), b"")
        fields, problems = _fixed_fields(spec, list_id if kind == "bulk" else "")
        UserError.collect([*self._content.problems, *problems])
        self._fixed_fields = b"\r\n".join(fields)

    def render(self, fields: MessageFields, now: datetime) -> Message:
        """Return the message of one row, dated `now`; raise RowError, with a sentence, if it has none."""
        recipient = MailboxAddress(fields.name, wire_address(fields.address, "the recipient"))
        sender = self._sender(fields.return_path)
        context = {
            **self._vars,
            **fields.context,
            **self._provided,
            "unsubscribe_url": fields.unsubscribe_url,
        }
        subject = self._subject(fields, context)
        body = self._bodies.body(context)
        lines = self._header_fields(fields, recipient, subject, now)
        if self._extra_lines:
            lines += self._extra_fields(context)
        head = b"\r\n".join(lines)
        text, html = body.text_part, body.html_part
        if html is None or body.images or self._content.attachments:
            data = self._composed(head, body, context)
        else:
            before, between, behind = around_versions(text.fields, html.fields)
            data = b"".join([head, before, *text.body, between, *html.body, behind])
        return Message(
            sender=sender,
            recipient=recipient.address,
            data=data,
            smtputf8=not (sender.isascii() and head.isascii()),
            has_leading_dots=False,  # all of it is encoded here, and headers, quoted and base64 have none
            subject=subject,
            html_segments=body.html,
            text_segments=body.text,
            images=tuple([image.name for image in body.images]) if body.images else (),
        )

    @property
    def inlining(self) -> InliningTally:
        """How the documents of the messages so far were made, and why some took longer than others."""
        tally = self._inliner.tally
        return replace(tally, reasons=tally.reasons + self._bodies.single)

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
        """A sha256 for each thing that the messages are made of, by a name for the user.

        Renderers whose digests are equal make the same messages of the same rows; the keys that
        differ say what was changed ("templates/spring.html", "[message] subject").
        """
        return {**self._identity, **self._content.digest()}

    def reading_digest(self) -> str:
        """A sha256 of what recipients read, whatever the campaign, its list and its files are called."""
        return self._content.reading_digest()

    def _composed(self, head: bytes, body: Body, context: Mapping[str, object]) -> bytes:
        images = [self._content.image(image).part for image in body.images]
        return compose(head, body.text_part, body.html_part, images, self._content.attached(context))

    def _subject(self, fields: MessageFields, context: Mapping[str, object]) -> str:
        subject = single_line(self._subject_line.render(context), "the subject").strip()
        if not subject:
            raise RowError("the subject is empty for this row")
        prefix = fields.subject_prefix
        return single_line(prefix, "the subject's prefix") + subject if prefix else subject

    def _header_fields(
        self, fields: MessageFields, to: MailboxAddress, subject: str, now: datetime
    ) -> list[bytes]:
        lines = [
            self._date_field(now),
            self._fixed_fields,
            mailbox_field("To", to),
            text_field("Subject", subject),
            token_field("Message-ID", fields.message_id),
            token_field("X-Mailrunner-Delivery", fields.delivery_token),
        ]
        if self._is_bulk and fields.list_unsubscribe:
            unsubscribe = uri_field("List-Unsubscribe", fields.list_unsubscribe)
            lines.append(unsubscribe)
            # RFC 8058 §3.1: List-Unsubscribe-Post needs an https URI beside it; no URI holds a "<".
            if fields.one_click and b"<https://" in unsubscribe.lower():
                lines.append(_ONE_CLICK)
        return lines

    def _date_field(self, now: datetime) -> bytes:
        """The field changes once a second, which is many messages."""
        second, field = self._date
        # Equal times may be of different zones, or an hour apart when the clocks go back.
        if not (second <= now < second + _SECOND and now.tzinfo is second.tzinfo and now.fold == second.fold):
            second = now.replace(microsecond=0)
            field = token_field("Date", format_datetime(second))
            self._date = (second, field)
        return field

    def _extra_fields(self, context: Mapping[str, object]) -> Iterator[bytes]:
        """The campaign's own header fields; one that is empty for this row is left out."""
        for name, line in self._extra_lines.items():
            value = single_line(line.render(context), f"the header {name}").strip()
            if value:
                yield text_field(name, value)


def _fixed_fields(spec: MessageSource, list_id: str) -> tuple[tuple[bytes, ...], list[Problem]]:
    """The fields that are the same for all recipients, and what is wrong with them."""
    makers: dict[str, Callable[[], bytes]] = {
        "message.from": lambda: mailbox_field("From", parsed_mailbox(spec.from_))
    }
    if reply_to := spec.reply_to:
        makers["message.reply_to"] = lambda: mailbox_field("Reply-To", parsed_mailbox(reply_to))
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


def _sender(address: str) -> str:
    return wire_address(address, "the return path")


def _line(template: CompiledTemplate) -> LineTemplate:
    return LineTemplate(template.trees[0].root, template.render)
