"""The tables of a campaign file: their keys, and what each value must be.

Each value is checked by itself here; `campaign_checks` checks how they fit together and whether the
files they name exist.
"""

from __future__ import annotations

import codecs
import re
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from mailrunner.config.database_url import url_secrets
from mailrunner.config.project_tables import ListName
from mailrunner.config.toml_table import Table, text_as
from mailrunner.model.mailbox_address import MailboxAddress, mailboxes, refuse_control_characters
from mailrunner.model.quota import Limit
from mailrunner.model.schedule import ALWAYS, Schedule, duration

CampaignKind = Literal["bulk", "transactional"]
CellType = Literal["int", "float", "date", "datetime", "bool"]
FollowUpChoice = Literal["sent", "not-bounced", "bounced", "failed", "in-doubt", "all"]

_NOT_IN_ID = re.compile(r"[^\w.-]")
_HEADER_NAME = re.compile(r"[!-9;-~]+")  # ftext, RFC 5322 §2.2
# Fields that a campaign does not set, each with the reason.
_ONE_RECIPIENT = "every message goes to one recipient alone"
_NOT_SET = {
    "from": "is message.from",
    "reply-to": "is message.reply_to",
    "subject": "is message.subject",
    "to": "is made from the columns that recipients.email and recipients.name name",
    "cc": f"cannot be set: {_ONE_RECIPIENT}",
    "bcc": f"cannot be set: {_ONE_RECIPIENT}",
    "date": "is set to the time of sending",
    "message-id": "is made for each delivery, so that replies and bounces find it",
    "mime-version": "is set by the message's structure",
    "precedence": "is set to bulk for bulk mail",
    "received": "is written by mail servers",
    "return-path": "is written by the receiving server, from return_path of the account",
    "sender": "is written by the mail server where it differs from message.from",
    "x-mailrunner-delivery": "is how mailrunner knows a delivery again",
}
_NOT_SET_PREFIXES = {
    "content-": "is set by the message's structure",
    "list-": "is made from list and [unsubscribe]",
    "resent-": "belongs to mail that is forwarded (RFC 5322 §3.6.6)",
}


def campaign_id(text: str) -> str:
    """Return `text`; raise ValueError where it cannot be an id."""
    if not text.strip(".") or _NOT_IN_ID.search(text):
        raise ValueError(f'"{text}" is not an id; use letters, digits, "-", "_" and "."')
    return text


def _sender(text: str) -> str:
    MailboxAddress.parse(text)
    return text.strip()


def _joined(value: object) -> object:
    """A list of mailboxes as one text, with commas between them."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        for one in value:
            MailboxAddress.parse(one)
        return ", ".join(one.strip() for one in value)
    return value


def _mailboxes(text: str) -> str:
    mailboxes(text)
    return text.strip()


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write some text")
    return text


def _variant_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", text):
        raise ValueError(f'"{text}" is no name of a variant; use up to 20 letters and digits, as in "a"')
    return text


def _encoding(text: str) -> str:
    try:
        codecs.lookup(text)
    except LookupError:
        raise ValueError(f'"{text}" is not an encoding; write e.g. "utf-8" or "cp1252"') from None
    return text


def _one_character(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise ValueError('must be one character; write e.g. ";" or "\\t"')
    return text


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f'"{name}" is not the name of a header; use letters, digits and "-" (RFC 5322 §2.2)')
    reason = _NOT_SET.get(name.casefold()) or next(
        (why for prefix, why in _NOT_SET_PREFIXES.items() if name.casefold().startswith(prefix)), None
    )
    if reason:
        raise ValueError(f"{name} {reason}; leave it out of headers")
    return name


def _locale(text: str) -> str:
    name = text.replace("-", "_")
    if not re.fullmatch(r"[A-Za-z]{2,3}(_[A-Za-z0-9]{2,8})*", name):
        raise ValueError(f'"{text}" is not a locale; write e.g. "de_DE" or "en_GB"')
    return name


def _constant(value: object) -> object:
    if not isinstance(value, str | int | float | bool | date | time):
        raise ValueError("must be one value, not a list or a table; write text, a number or a date")
    return value


def _with_zone(start: datetime) -> datetime:
    if start.utcoffset() is None:
        raise ValueError("names no time zone; write e.g. 2026-12-01T08:00:00+02:00")
    return start


def _share(value: object) -> float | None:
    if value == "off":
        return None
    number = value
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?\s*%", value.strip()):
        number = float(value.strip().rstrip("% ")) / 100
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= 1:
        raise ValueError('is not a share; write e.g. "10%", or "off"')
    return float(number)


def _pace(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0001 <= value <= 100_000:
        raise ValueError("is not a pace; write e.g. 1, 14 or 0.5")
    return float(value)


ReplyTo = Annotated[
    str,
    BeforeValidator(_joined),
    AfterValidator(_mailboxes),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
OneLine = Annotated[str, AfterValidator(refuse_control_characters)]
Text = Annotated[str, AfterValidator(_not_blank)]
UtmValue = Annotated[OneLine, AfterValidator(_not_blank)]
VariantName = Annotated[str, AfterValidator(_variant_name)]
Duration = Annotated[
    timedelta,
    PlainValidator(text_as(duration)),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*[smhd]\s*$", "default": "48h"}),
]
Window = Annotated[
    Schedule,
    PlainValidator(text_as(Schedule.parse)),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 08:00-20:00 Europe/Bucharest"]}),
]
Share = Annotated[
    float | None, PlainValidator(_share), WithJsonSchema({"type": ["string", "number"], "default": "10%"})
]
Pace = Annotated[float, PlainValidator(_pace), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Constant = Annotated[Any, AfterValidator(_constant)]
HeaderName = Annotated[str, AfterValidator(_header_name)]


class UtmTable(Table):
    """utm = { … }: the parameters that links get; a link that has one already keeps its own."""

    source: UtmValue | None = Field(None, description="utm_source: where visitors come from.")
    medium: UtmValue | None = Field(None, description="utm_medium: by what, such as email.")
    campaign: UtmValue | None = Field(None, description="utm_campaign: which campaign it was.")
    term: UtmValue | None = Field(None, description="utm_term.")
    content: UtmValue | None = Field(None, description="utm_content.")
    id: UtmValue | None = Field(None, description="utm_id.")

    def parameters(self) -> dict[str, str]:
        """Those that are set, by their names without "utm_"."""
        return {key: value for key, value in self if value is not None}


class VariantTable(Table):
    """[variants.NAME]: what is different for the recipients of one variant."""

    subject: Annotated[OneLine, AfterValidator(_not_blank)] = Field(
        description="The subject for these recipients; may use columns."
    )


class MessageSpec(Table):
    """[message]: sender, subject and content.  Subject, headers and attachments are templates too."""

    from_: Annotated[str, AfterValidator(_sender)] = Field(
        alias="from", description='The sender: "ana@example.org" or "Ana Pop <ana@example.org>".'
    )
    reply_to: ReplyTo | None = Field(
        None, description="Where replies go, if not to the sender: an address, or a list of addresses."
    )
    subject: Annotated[OneLine, AfterValidator(_not_blank)] = Field(
        "",
        description="The subject; may use columns, as in {{ first_name }}. Markdown may have it in the file.",
    )
    html: Text | None = Field(None, description="The HTML template, a file in templates/.")
    markdown: Text | None = Field(
        None, description="The message in Markdown, a file in templates/: HTML and text are made from it."
    )
    mjml: Text | None = Field(None, description="The message in MJML, a file in templates/.")
    frame: Text | None = Field(
        None,
        description="The HTML template around a message in Markdown, with a block called content; "
        "by default a ready one.",
    )
    locale: Annotated[str, AfterValidator(_locale)] | None = Field(
        None, description='Language and country of dates, numbers and money in templates, e.g. "de_DE".'
    )
    locale_column: Text | None = Field(
        None, description="The column with the locale of each recipient, in place of `locale`."
    )
    text: Text | None = Field(
        None, description="The plain-text template, a file in templates/; by default made from the HTML."
    )
    postal_address: str = Field("", description="The sender's postal address, for {{ postal_address }}.")
    attachments: Annotated[
        tuple[Annotated[OneLine, AfterValidator(_not_blank)], ...], Field(strict=False)
    ] = Field(
        (),
        description="Files to attach; a name may use columns after a folder, as in "
        "data/tickets/{{ member_no }}.pdf.",
    )
    utm: UtmTable | None = Field(
        None,
        description='UTM parameters for the links of the message: { source = "news", medium = "email" }.',
    )
    headers: dict[HeaderName, OneLine] = Field(
        default_factory=dict, description="Further headers; values may use columns."
    )
    vars: dict[str, Any] = Field(default_factory=dict, description="Constants for the templates.")


class RecipientsSpec(Table):
    """[recipients]: the list and how its cells are read.

    Exactly one of csv, xlsx, parquet, sql, from_campaign and program is set.
    """

    csv: Text | None = Field(
        None, description="A CSV file, or the https address of one, such as a published Google Sheet."
    )
    xlsx: Text | None = Field(None, description="An Excel or OpenDocument file (.xlsx, .xls, .ods).")
    parquet: Text | None = Field(None, description="A Parquet file.")
    sql: Text | None = Field(None, description="A query for the database that `database` names.")
    from_campaign: Annotated[str, AfterValidator(campaign_id)] | None = Field(
        None, description="The id of a campaign that was begun: a follow-up to its recipients."
    )
    who: FollowUpChoice = Field(
        "sent", description="The recipients of `from_campaign` by what became of its message."
    )
    program: Literal[True] | None = Field(
        None,
        description="The rows come from a Python program: Project().campaign(ID, recipients=ROWS).",
    )
    sheet: Text | None = Field(None, description="The sheet of the Excel file; the first by default.")
    header_row: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The row that names the columns, from 1; found by default."
    )
    hidden: Literal["skip", "take"] | None = Field(
        None, description="What to do with hidden rows and columns of a sheet, where there are any."
    )
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        None, description="The encoding of the CSV file, where it is not UTF-8."
    )
    delimiter: Annotated[str, AfterValidator(_one_character)] | None = Field(
        None, description="The character between the cells of the CSV file; detected by default."
    )
    database: Text | None = Field(
        None, repr=False, description='The database for `sql`, an SQLAlchemy URL, best as "${VARIABLE}".'
    )
    email: Text = Field("email", description="The column with the address.")
    several: Literal["first", "all"] | None = Field(
        None,
        description="What to do with a cell that has several addresses; its row is left out by default.",
    )
    name: Text | None = Field(None, description="The column with the name shown in To.")
    defaults: dict[str, Constant] = Field(
        default_factory=dict,
        description="By column, the value in place of an empty cell; applied before `types`.",
    )
    types: dict[str, CellType] = Field(
        default_factory=dict,
        description="By column, the type its cells are read as; text where not named.",
    )
    where: Text | None = Field(
        None, description="The rows to send to, as an expression over the columns: country == 'RO'."
    )

    def secrets(self) -> tuple[str, ...]:
        """The password in `database`, which no output may show."""
        return url_secrets(self.database or "")


class SendSpec(Table):
    """[send]: when and how fast to send, and when to stop."""

    start: Annotated[datetime, AfterValidator(_with_zone)] | None = Field(
        None, description="Not before this time; with a zone, as in 2026-12-01T08:00:00+02:00."
    )
    schedule: Window = Field(
        default_factory=lambda: ALWAYS,
        alias="window",
        description='When messages may be sent: "Mon-Fri 08:00-20:00 Europe/Bucharest"; always by default.',
    )
    per_second: Pace | None = Field(
        None, description="Recipients per second, at most; 0.5 is one every 2 seconds."
    )
    give_up_after: Duration = Field(
        default_factory=lambda: timedelta(hours=48),
        description="How long a delivery is retried after the first temporary failure.",
    )
    on_in_doubt: Literal["hold", "resend"] = Field(
        "hold",
        description="What to do in doubt: where the server may or may not have accepted the message.",
    )
    stop_if_failing: Share = Field(
        default_factory=lambda: 0.10,
        description='Stop where so many of the last 100 outcomes are failures; or "off".',
    )

    @property
    def limit(self) -> Limit | None:
        """`per_second` as a limit; None where it is not set."""
        if self.per_second is None:
            return None
        if self.per_second < 1:  # one at a time, evenly spaced
            return Limit(1, timedelta(seconds=1 / self.per_second))
        rate = Fraction(self.per_second).limit_denominator(10)
        return Limit(rate.numerator, timedelta(seconds=rate.denominator))


class CampaignTable(Table):
    """A campaign file."""

    id: Annotated[str, AfterValidator(campaign_id)] | None = Field(
        None, description="The campaign's id; by default the file's name without .toml."
    )
    account: str = Field(description="The account of mailrunner.toml that sends it.")
    list_: Annotated[ListName, AfterValidator(refuse_control_characters)] | None = Field(
        None,
        alias="list",
        description="The list recipients are subscribed to and can unsubscribe from; bulk mail needs one.",
    )
    kind: CampaignKind = Field(
        "bulk",
        description='"bulk", or "transactional" for what recipients must get (invoices, tickets).',
    )
    message: MessageSpec = Field(description="The message: a table [message] with from, subject and html.")
    recipients: RecipientsSpec = Field(
        description='The list: a table [recipients] with e.g. csv = "data/list.csv".'
    )
    send: SendSpec = Field(
        default_factory=SendSpec, description="When and how fast to send, and when to stop."
    )
    variants: dict[VariantName, VariantTable] = Field(
        default_factory=dict,
        description="Variants of the subject by name: each recipient gets one, always the same.",
    )
