"""A campaign made ready: its files read, its list opened, its templates compiled, nothing sent.

`Job.prepare` reports everything that is wrong for every row at once.  `Letters` makes the message
of one delivery from what the ledger kept of its row.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from mailrunner.campaign.campaign_file import Campaign
from mailrunner.campaign.folder import private_files
from mailrunner.config.account import Account
from mailrunner.config.project import Project
from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.address import normalise
from mailrunner.model.tokens import (
    BOUNCE,
    MESSAGE,
    UNSUBSCRIBE,
    TokenSigner,
    a_label,
    list_id,
    message_id,
    unsubscribe_mailto,
    unsubscribe_url,
)
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList, RowReader
from mailrunner.recipients.source import Source
from mailrunner.rendering import Message, MessageFields, Renderer
from mailrunner.store import Delivery

__all__ = ["BOUNCE", "MESSAGE", "TEST_MARK", "UNSUBSCRIBE", "MessageFactory", "PreparedCampaign"]
__all__ += ["changed_parts", "content_digest", "digest", "values_of"]

TEST_MARK = "[TEST] "


@dataclass(frozen=True, slots=True)
class PreparedCampaign:
    """One campaign with everything that sending it needs but the ledger."""

    project: Project
    campaign: Campaign
    account: Account
    source: Source
    people: RecipientList
    renderer: Renderer

    @classmethod
    def prepare(
        cls, project: Project, campaign: Campaign, account: Account, *, strict_inlining: bool = False
    ) -> PreparedCampaign:
        """Open the list and compile the templates; raise UserError with all that is wrong for every row.

        With `strict_inlining` premailer itself makes every message, none is put together from a plan.
        """
        problems: list[Problem] = []
        renderer, people, source = None, None, None
        try:
            renderer = _renderer(project, campaign, strict_inlining)
        except UserError as error:
            problems += error.problems
        try:
            source = open_source(campaign.recipients, project.folder)
            people = RecipientList(source, campaign.recipients, file=_label(project, campaign))
        except UserError as error:
            problems += error.problems
        if renderer is not None and people is not None:
            problems += renderer.unknown_names(people.columns)
            problems += renderer.clashes(people.columns)
            problems += _missing_unsubscribe(campaign, renderer)
        UserError.collect(_placed(problem, _label(project, campaign)) for problem in problems)
        assert renderer is not None and people is not None and source is not None  # noqa: S101
        return cls(project, campaign, account, source, people, renderer)

    @property
    def from_address(self) -> str:
        return parseaddr(self.campaign.message.from_)[1]

    @property
    def message_domain(self) -> str:
        """The domain of Message-IDs: the sender's, never the local host's name."""
        return a_label(self.from_address.rpartition("@")[2])

    @property
    def lists(self) -> frozenset[str]:
        """The keys under which people are off this campaign's list: its own and its former ones."""
        settings = self.project.lists.get(self.campaign.list_key)
        return frozenset({self.campaign.list_key, *(settings.formerly if settings else ())})

    @property
    def transactional(self) -> bool:
        return self.campaign.kind == "transactional"

    def content(self) -> dict[str, str]:
        """A digest of each part that a change of must be accepted for, by a name for people."""
        recipients = self.campaign.recipients
        meaning = {
            "recipients.email": recipients.email,
            "recipients.name": recipients.name or "",
            "recipients.defaults": repr(sorted(recipients.defaults.items())),
            "recipients.types": repr(sorted(recipients.types.items())),
            "account": self.account.identity,
            "list": self.campaign.list_key,
            "kind": self.campaign.kind,
            "return_path": self.account.return_path or "",
        }
        return {**self.renderer.digest(), **{name: digest(text) for name, text in meaning.items()}}

    def message_digest(self) -> str:
        """What tells the same message under another campaign's name: its content alone."""
        parts = {k: v for k, v in self.renderer.digest().items() if k not in ("list", "kind")}
        return digest(repr(sorted(parts.items())))

    def list_spec(self) -> str:
        """What tells that the campaign's file names other people now."""
        spec = self.campaign.recipients
        named = (spec.csv, spec.xlsx, spec.sheet, spec.parquet, spec.sql, spec.database, spec.where)
        return digest(repr((*named, spec.encoding, spec.delimiter, spec.email)))

    def setup_digest(self, key: bytes) -> str:
        """A keyed digest of the credentials: a wrong password is not tried again until it changed."""
        account = self.account
        password = account.password.get_secret_value() if account.password else ""
        text = "\0".join((account.host, str(account.port), account.tls, account.user, password))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class MessageFactory:
    """Makes messages: the `Writer` of a run, and of previews and tests.

    `columns` are those of the stored rows; a row stored before a column was added is padded.
    """

    def __init__(
        self, job: PreparedCampaign, *, columns: Sequence[str], signer: TokenSigner, domain: str
    ) -> None:
        try:
            self._reader = RowReader(columns, job.campaign.recipients)
        except KeyError as error:
            raise UserError(
                Problem(
                    f"the snapshot of the list has no column {error}",
                    file=str(job.campaign.file),
                    hint="use --refresh --accept-changes to read the list again",
                )
            ) from error
        self._width = len(columns)
        self._job, self._signer, self._domain = job, signer, domain
        # What is the same for everyone is worked out once: tokens need no quoting, and stand at the end.
        base = job.project.unsubscribe.base_url
        self._one_click = base is not None
        self._ways_out = [unsubscribe_url(base, "")] if base else []
        self._ways_out.append(unsubscribe_mailto(_mailto(job), ""))
        self._from = job.from_address

    def message(self, delivery: Delivery, now: datetime) -> Message:
        """The message of one claimed delivery; raises RowError where its row cannot become one."""
        return self._job.renderer.render(self.letter(delivery.id, delivery.address, delivery.values), now)

    def message_id(self, delivery: Delivery) -> str:
        return self.message_id_of(delivery.id)

    def message_id_of(self, number: int) -> str:
        """The Message-ID of delivery `number`: the same at every try, kept nowhere."""
        return message_id(self._signer, number, self._domain)

    def letter(self, number: int, address: str, values: Sequence[str], prefix: str = "") -> MessageFields:
        """What is particular to delivery `number`; `prefix` marks a test."""
        cells = values if len(values) == self._width else self._padded(values)
        token = self._signer.token(UNSUBSCRIBE, number)
        uris = tuple([way + token for way in self._ways_out])
        name = self.message_id_of(number)
        return MessageFields(
            address=_wire(address),
            name=self._reader.name(cells),
            context=self._reader.context(cells),
            message_id=name,
            delivery_token=name[1:].partition("@")[0],
            unsubscribe_url=uris[0],
            list_unsubscribe=uris,
            one_click=self._one_click,
            return_path=self._return_path(number),
            subject_prefix=prefix,
        )

    def _padded(self, values: Sequence[str]) -> Sequence[str]:
        return (*values, *[""] * (self._width - len(values)))

    def _return_path(self, number: int) -> str:
        verp = self._job.account.return_path
        if not verp:
            return self._from
        return verp.replace("{token}", self._signer.token(BOUNCE, number))


def digest(text: str) -> str:
    """The one digest of things that are compared and never shown."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_digest(content: Mapping[str, str]) -> str:
    """One digest for all parts of a content."""
    return digest(repr(sorted(content.items())))


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that differ."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _wire(address: str) -> str:
    try:
        return normalise(address).wire
    except ValueError as error:
        raise RowError(str(error)) from error


def _mailto(job: PreparedCampaign) -> str:
    """Where a reply to leave the list goes: as configured, else the account, reply_to, From."""
    candidates = (
        job.project.unsubscribe.mailto,
        job.account.user if "@" in job.account.user else None,
        parseaddr(job.campaign.message.reply_to or "")[1],
        job.from_address,
    )
    return next(address for address in candidates if address)


def _renderer(project: Project, campaign: Campaign, strict_inlining: bool) -> Renderer:
    settings = project.lists.get(campaign.list_key)
    domain = parseaddr(campaign.message.from_)[1].rpartition("@")[2]
    return Renderer(
        folder=project.folder,
        templates_dir=project.templates_dir,
        spec=campaign.message,
        kind=campaign.kind,
        campaign_id=campaign.id,
        list_name=campaign.list_name,
        list_id=list_id(campaign.list_name, settings.list_id if settings else None, domain),
        strict_inlining=strict_inlining,
        private=_private(project, campaign),
    )


def _private(project: Project, campaign: Campaign) -> dict[Path, str]:
    """The files that no message carries, with what each is; a campaign file may lie anywhere."""
    spec = campaign.recipients
    own = [project.folder / name for name in (spec.csv, spec.xlsx, spec.parquet) if name]
    own_lists = dict.fromkeys(own, "a list of recipients")
    return {**private_files(project), **own_lists, campaign.file: "a campaign file"}


def _missing_unsubscribe(campaign: Campaign, renderer: Renderer) -> list[Problem]:
    """A bulk message whose readers see no way to leave is an error (mail providers' bulk-sender rules)."""
    if campaign.kind == "transactional":
        return []
    without = renderer.parts - renderer.uses("unsubscribe_url")
    spec = campaign.message
    names = {"html": spec.html, "text": spec.text}
    return [
        Problem(
            "has no visible link to unsubscribe",
            file=f"templates/{names[part]}",
            hint='add <a href="{{ unsubscribe_url }}">Unsubscribe</a>'
            if part == "html"
            else "add a line such as: Unsubscribe: {{ unsubscribe_url }}",
        )
        for part in sorted(without)
    ]


def _placed(problem: Problem, file: str) -> Problem:
    if problem.file:
        return problem
    return Problem(problem.message, file, problem.key, problem.hint)


def _label(project: Project, campaign: Campaign) -> str:
    try:
        return campaign.file.resolve().relative_to(project.folder.resolve()).as_posix()
    except ValueError:
        return str(campaign.file)


def values_of(job: PreparedCampaign) -> dict[str, Any]:
    """What stands in the ledger for a campaign that is begun, besides its snapshot."""
    return {
        "id": job.campaign.id,
        "file": _label(job.project, job.campaign),
        "account_name": job.account.name,
        "list_key": job.campaign.list_key,
        "list_name": job.campaign.list_name,
        "kind": job.campaign.kind,
        "message_domain": job.message_domain,
    }
