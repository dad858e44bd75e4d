"""From a row to a message: context → HTML and text → CSS inlined → parts → header fields → bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.rendering.bodies import Bodies
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.content import Content, MessageSource, digest_of
from mailrunner.rendering.headers import (
    MessageHeaders,
    parsed_mailbox,
    parsed_mailboxes,
    row_line,
    single_line,
    wire_address,
)
from mailrunner.rendering.inlining import InliningTally, ShapeInliner
from mailrunner.rendering.link_parameters import LinkParameters
from mailrunner.rendering.mime import (
    Message,
    MessageFields,
    Part,
    around_versions,
    as_invitation,
    compose,
)
from mailrunner.rendering.segments import LineTemplate

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
        variants: Mapping[str, str] | None = None,
        utm: Mapping[str, str] | None = None,
        own_pages: str | None = None,
    ) -> None:
        """Read and compile everything; raise UserError with all problems of the files together.

        `list_id` is the value of List-Id, 'Name <key.domain>' (RFC 2919); transactional mail has
        none.  With `strict_inlining` premailer itself makes every document, a hundred times slower.
        `private` are files that are never sent, with what each is ("the ledger"), beside those that
        every project has.  `variants` are subjects by the name of a variant, `utm` the parameters that the
        links get, but for those of `own_pages`, the address of the public pages.
        """
        self._content = Content(
            folder=folder,
            templates_dir=templates_dir,
            spec=spec,
            private=private or {},
            can_unsubscribe=kind == "bulk" or bool(list_name),
            subjects=variants,
            links=LinkParameters(utm, own_pages) if utm else None,
        )
        self._inliner = ShapeInliner(strict=strict_inlining)
        self._bodies = Bodies(
            html=self._content.html,
            text=self._content.text,
            inliner=self._inliner,
            constants=self._content.constants(),
        )
        self._subject_line = _line(self._content.subject)
        self._subject_lines = {name: _line(line) for name, line in self._content.variants.items()}
        self._headers = MessageHeaders(
            sender=spec.from_,
            reply_to=spec.reply_to,
            list_id=list_id,
            is_bulk=kind == "bulk",
            extra={name: _line(template) for name, template in self._content.headers.items()},
        )
        self._provided = {
            "vars": spec.vars,
            "campaign": {"id": campaign_id, "list": list_name},
            "postal_address": spec.postal_address or "",
        }
        self._vars = dict(spec.vars)
        self._identity = {"kind": digest_of(kind), "list": digest_of([list_name, list_id, campaign_id])}
        if utm:  # as other keys that came later: in a digest only where it is set
            self._identity["[message] utm"] = digest_of(dict(utm))
        self._sender = lru_cache(maxsize=_SENDERS)(_sender)
        UserError.collect([*self._content.problems, *self._headers.problems])
        self._from = parsed_mailbox(spec.from_)
        self._reply_to = parsed_mailboxes(spec.reply_to)[0] if spec.reply_to else None

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
        try:
            body = self._bodies.body(context)
        except (RecursionError, MemoryError) as error:
            raise RowError("the message is too large, or nests too deeply") from error
        head = b"\r\n".join(self._headers.lines(fields, recipient, subject, context, now))
        text, html = body.text_part, body.html_part
        files: tuple[Part, ...] = ()
        if html is None or body.images or self._content.attachments:
            images = [self._content.image(image).part for image in body.images]
            attached = self._content.attached(context)
            files = (*images, *attached)
            invitations = [invitation for part in attached if (invitation := as_invitation(part))]
            data = compose(head, text, html, images, attached, invitations=invitations)
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
            head=head,
            files=files,
            mailboxes=(self._from, recipient, self._reply_to),
            delivery_token=fields.delivery_token,
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

    @property
    def outline(self) -> str:
        """The text of the HTML templates, a NUL in place of each value: what is the same for all rows."""
        html = self._content.html
        return "\n".join(tree.outline() for tree in html.trees) if html else ""

    def digest(self) -> dict[str, str]:
        """A sha256 for each thing that the messages are made of, by a name for the user.

        Renderers whose digests are equal make the same messages of the same rows; the keys that
        differ say what was changed ("templates/spring.html", "[message] subject").
        """
        return {**self._identity, **self._content.digest()}

    def reading_digest(self) -> str:
        """A sha256 of what recipients read, whatever the campaign, its list and its files are called."""
        return self._content.reading_digest()

    def _subject(self, fields: MessageFields, context: Mapping[str, object]) -> str:
        line = self._subject_lines.get(fields.variant, self._subject_line)
        subject = row_line(line.render(context), "the subject", context).strip()
        if not subject:
            raise RowError("the subject is empty for this row")
        prefix = fields.subject_prefix
        return single_line(prefix, "the subject's prefix") + subject if prefix else subject


def _sender(address: str) -> str:
    return wire_address(address, "the return path")


def _line(template: CompiledTemplate) -> LineTemplate:
    return LineTemplate(template.trees[0].root, template.render)
