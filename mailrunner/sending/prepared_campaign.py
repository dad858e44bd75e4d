"""A campaign that is ready to be sent: its files read, its list opened, its templates compiled.

`PreparedCampaign.prepare` reports everything that is wrong for every row at once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Any

from mailrunner.campaign.campaign_file import Campaign
from mailrunner.campaign.folder import private_files
from mailrunner.clock import SystemClock
from mailrunner.config.account import Account
from mailrunner.config.paths import relative_name
from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError
from mailrunner.model.tokens import a_label, list_id
from mailrunner.recipients.reader import RecipientList
from mailrunner.recipients.source import Source
from mailrunner.rendering import Renderer
from mailrunner.sending.list_source import OpenLedger, open_list
from mailrunner.store import CampaignRecord, Ledger, LedgerConsent
from mailrunner.transports.oauth.access import AccessTokens

_MESSAGE = "[message] "  # how names of parts begin that are no files
# Parts of a content that no recipient reads, or that only name files.
_NOT_READ = frozenset(
    {
        "[message] html",
        "[message] text",
        "recipients.email",
        "recipients.name",
        "recipients.defaults",
        "recipients.types",
        "account",
        "list",
        "kind",
        "return_path",
    }
)


@dataclass(frozen=True, slots=True)
class PreparedCampaign:
    """One campaign with everything that sending it needs but the ledger."""

    project: Project
    campaign: Campaign
    account: Account
    source: Source
    recipients: RecipientList
    renderer: Renderer

    @classmethod
    def prepare(
        cls,
        project: Project,
        campaign: Campaign,
        account: Account,
        *,
        strict_inlining: bool = False,
        fresh_list: bool = True,
        list_of: PreparedCampaign | None = None,
        stored_list: Source | None = None,
        open_ledger: OpenLedger | None = None,
    ) -> PreparedCampaign:
        """Open the list and compile the templates; raise UserError with all that is wrong for every row.

        With `list_of` the list is not opened again, where both files select recipients in the same way.
        With `strict_inlining` premailer itself makes every message, none is put together from a plan.
        Without `fresh_list` a list at an https address is not fetched again once its snapshot was made.
        `stored_list` stands for the list that the campaign's file names; `open_ledger` opens the ledger for
        a list that is read there.
        """
        problems: list[Problem] = []
        file = relative_name(campaign.file, project.folder)
        renderer, recipients, source = None, None, None
        try:
            renderer = _renderer(project, campaign, strict_inlining)
        except UserError as error:
            problems += error.problems
        try:
            if stored_list is not None:
                source, recipients = stored_list, RecipientList(stored_list, campaign.recipients, file=file)
            elif list_of is not None and list_of.campaign.recipients == campaign.recipients:
                source, recipients = list_of.source, list_of.recipients
            else:
                opening = open_ledger or partial(_ledger_of, project)
                source = open_list(project, campaign, fresh=fresh_list, open_ledger=opening)
                recipients = RecipientList(source, campaign.recipients, file=file)
        except UserError as error:
            problems += error.problems
        if renderer is not None and recipients is not None:
            problems += renderer.unknown_names(recipients.columns)
            problems += renderer.clashes(recipients.columns)
            problems += _missing_unsubscribe(campaign, renderer)
        UserError.collect(_placed(problem, file) for problem in problems)
        assert renderer is not None and recipients is not None and source is not None  # noqa: S101
        return cls(project, campaign, account, source, recipients, renderer)

    @property
    def file(self) -> str:
        """The campaign's file as it is shown: relative to the project's folder where it lies inside."""
        return relative_name(self.campaign.file, self.project.folder)

    @property
    def from_address(self) -> str:
        return parseaddr(self.campaign.message.from_)[1]

    @property
    def message_domain(self) -> str:
        """The domain of Message-IDs: the sender's, never the local host's name."""
        return a_label(self.from_address.rpartition("@")[2])

    @property
    def lists(self) -> frozenset[str]:
        """The keys of the lists whose unsubscriptions hold for this campaign: its own and its former ones."""
        settings = self.project.lists.get(self.campaign.list_key)
        return frozenset({self.campaign.list_key, *(settings.formerly if settings else ())})

    @property
    def transactional(self) -> bool:
        return self.campaign.kind == "transactional"

    def content(self) -> dict[str, str]:
        """A digest of each part that a change of must be accepted for, by a name for users."""
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

    def message_digests(self) -> tuple[str, ...]:
        """Digests of the message alone, whatever the campaign is called: any that is equal makes a twin.

        The first is of what recipients read.  The others are for campaigns that versions before 0.2.0
        began: their ledgers have a digest over the names of files, and a digest of each part.
        """
        return (
            f"read:{self.renderer.reading_digest()}",
            digest_of_contents(self.content()),
            self.digest_by_names(),
        )

    def digest_by_names(self) -> str:
        """The one digest of versions before 0.2.0: another as soon as a file has another name."""
        parts = {k: v for k, v in self.renderer.digest().items() if k not in ("list", "kind")}
        return digest(repr(sorted(parts.items())))

    def list_spec(self) -> str:
        """A digest of how the campaign's file selects recipients."""
        spec = self.campaign.recipients
        named = (spec.csv, spec.xlsx, spec.sheet, spec.parquet, spec.sql, spec.database, spec.where)
        always = (*named, spec.encoding, spec.delimiter, spec.email)
        # Typed columns of a sheet are read by value, the others as it shows them.
        ledger = (spec.from_campaign, spec.who, spec.program) if spec.from_campaign or spec.program else ()
        further = (spec.several, spec.header_row, spec.hidden, *(sorted(spec.types) if spec.xlsx else ()))
        return digest(repr((*always, *(further if any(further) else ()), *ledger)))

    def setup_digest(self, key: bytes) -> str:
        """A keyed digest of the credentials: a wrong password is not tried again until it changed.

        Of a login by token it is the grant that counts, which `mailrunner login` makes anew: a token
        changes by the hour.
        """
        account = self.account
        secret = account.password.get_secret_value() if account.password else ""
        if account.oauth:
            secret = AccessTokens.of(account.oauth, SystemClock()).setup_text()
        parts = [account.host, str(account.port), account.tls, account.user, secret]
        if account.api:
            keys = (account.api.key, account.api.secret)
            parts += [each.get_secret_value() if each else "" for each in keys]
        text = "\0".join(parts)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _ledger_of(project: Project) -> Ledger:
    """The project's ledger, for reading."""
    consent = LedgerConsent(synchronous=project.failover == "synchronous")
    return Ledger.open_existing(
        folder=project.folder, url=project.database_url, clock=SystemClock(), consent=consent
    )


def digest(text: str) -> str:
    """The digest of texts that are compared and never shown."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_digest(content: Mapping[str, str]) -> str:
    """One digest for all parts of a content."""
    return digest(repr(sorted(content.items())))


def digest_of_contents(content: Mapping[str, str]) -> str:
    """A digest of a stored content without the names of its files: what a copy of it has too."""
    message = {
        (name if name.startswith(_MESSAGE) else "", part)
        for name, part in content.items()
        if name not in _NOT_READ
    }
    return f"parts:{digest(repr(sorted(message)))}"


def digests_of(record: CampaignRecord) -> tuple[str, ...]:
    """The digests of all messages that were sent as this campaign, as far as its record has them."""
    return tuple(dict.fromkeys((*record.message_digest.split(), digest_of_contents(record.content))))


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that differ."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


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
        private=private_to(project, campaign),
        variants=campaign.variants,
        utm=campaign.message.utm.parameters() if campaign.message.utm else None,
        own_pages=project.unsubscribe.base_url,
    )


def private_to(project: Project, campaign: Campaign) -> dict[Path, str]:
    """The files that no message carries, with what each is; a campaign file may lie anywhere."""
    spec = campaign.recipients
    own = [project.folder / name for name in (spec.csv, spec.xlsx, spec.parquet) if name]
    own_lists = dict.fromkeys(own, "a list of recipients")
    return {**private_files(project), **own_lists, campaign.file: "a campaign file"}


def _missing_unsubscribe(campaign: Campaign, renderer: Renderer) -> list[Problem]:
    """A bulk message without a visible way to unsubscribe is an error (mail providers' bulk-sender rules)."""
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


def record_values(prepared: PreparedCampaign) -> dict[str, Any]:
    """Column values of a campaign's record in the ledger, besides its snapshot."""
    return {
        "id": prepared.campaign.id,
        "file": prepared.file,
        "account_name": prepared.account.name,
        "list_key": prepared.campaign.list_key,
        "list_name": prepared.campaign.list_name,
        "kind": prepared.campaign.kind,
        "message_domain": prepared.message_domain,
    }
