"""The export formats of other mailing systems, and the suppression reasons in them.

A format is recognised by the names of its columns.  The columns are those that each provider's own
export has:

    Mailchimp   mailchimp.com/help/view-export-contacts: one file each for unsubscribed and cleaned contacts
    SendGrid    the CSV files behind "Suppressions" in its web pages
    SES         `aws sesv2 list-suppressed-destinations`, and the export jobs of that list
    listmonk    listmonk.app/docs: the export of subscribers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailrunner.errors import Problem, UserError, alternatives
from mailrunner.model.suppression import ImportFormat, SuppressionReason

EXPORT_COLUMNS = ("address", "list", "reason", "source", "created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFormat:
    """One kind of file; the names of columns are casefolded.

    `columns` identify it, and with `alone` there are no others.  `by` is the column with the reason, by
    `reasons` (None: this recipient may get messages), else `otherwise`; without that, a value that is
    not in `reasons` is an error.  `subscribed`: a list of subscribers, which is refused.
    """

    format: ImportFormat
    title: str
    columns: frozenset[str]
    alone: bool = False
    address: str
    by: str = ""
    reasons: Mapping[str, SuppressionReason | None] = field(default_factory=dict)
    otherwise: SuppressionReason | None = None
    subscribed: bool = False

    def fits(self, names: Sequence[str]) -> bool:
        """True for a file with these columns (casefolded)."""
        return self.columns == set(names) if self.alone else self.columns <= set(names)


FORMS = (
    VendorFormat(
        format=ImportFormat.MAILRUNNER,
        title="an export of mailrunner",
        columns=frozenset(EXPORT_COLUMNS),
        alone=True,
        address="address",
        by="reason",
        reasons={reason.value: reason for reason in SuppressionReason},
    ),
    VendorFormat(
        format=ImportFormat.MAILCHIMP,
        title="Mailchimp's unsubscribed contacts",
        columns=frozenset({"email address", "unsub_time"}),
        address="email address",
        by="unsub_reason",
        reasons={"spam": SuppressionReason.COMPLAINT, "abuse": SuppressionReason.COMPLAINT},
        otherwise=SuppressionReason.UNSUBSCRIBE,
    ),
    VendorFormat(
        format=ImportFormat.MAILCHIMP,
        title="Mailchimp's cleaned contacts",
        columns=frozenset({"email address", "clean_time"}),
        address="email address",
        otherwise=SuppressionReason.BOUNCE,
    ),
    VendorFormat(
        format=ImportFormat.MAILCHIMP,
        title="Mailchimp's subscribed contacts",
        columns=frozenset({"email address", "leid", "euid"}),
        address="email address",
        subscribed=True,
    ),
    VendorFormat(
        format=ImportFormat.SENDGRID,
        title="SendGrid's bounces",
        columns=frozenset({"status", "reason", "email", "created"}),
        alone=True,
        address="email",
        otherwise=SuppressionReason.BOUNCE,
    ),
    VendorFormat(
        format=ImportFormat.SENDGRID,
        title="SendGrid's invalid addresses",
        columns=frozenset({"reason", "email", "created"}),
        alone=True,
        address="email",
        otherwise=SuppressionReason.BOUNCE,
    ),
    VendorFormat(
        format=ImportFormat.SENDGRID,
        title="SendGrid's spam reports",
        columns=frozenset({"ip", "email", "created"}),
        alone=True,
        address="email",
        otherwise=SuppressionReason.COMPLAINT,
    ),
    VendorFormat(
        format=ImportFormat.SENDGRID,
        title="SendGrid's unsubscribes",
        columns=frozenset({"email", "created"}),
        alone=True,
        address="email",
        otherwise=SuppressionReason.UNSUBSCRIBE,
    ),
    VendorFormat(
        format=ImportFormat.SES,
        title="the suppression list of an SES account",
        columns=frozenset({"emailaddress", "reason"}),
        address="emailaddress",
        by="reason",
        reasons={"bounce": SuppressionReason.BOUNCE, "complaint": SuppressionReason.COMPLAINT},
    ),
    VendorFormat(
        format=ImportFormat.LISTMONK,
        title="listmonk's subscribers",
        columns=frozenset({"uuid", "email", "status"}),
        address="email",
        by="status",
        # "disabled" and "blocklisted" get no messages from any list of listmonk, whoever decided it.
        reasons={
            "enabled": None,
            "confirmed": None,
            "unconfirmed": None,
            "disabled": SuppressionReason.MANUAL,
            "blocklisted": SuppressionReason.MANUAL,
            "unsubscribed": SuppressionReason.UNSUBSCRIBE,
        },
    ),
)


def recognise(columns: Sequence[str], label: str, wanted: ImportFormat | None) -> VendorFormat | None:
    """The format of a file with these columns, None for a plain one.

    With `wanted` it is one of that program; raises UserError where none fits, or for a list of subscribers.
    """
    names = [name.strip().casefold() for name in columns]
    asked = [form for form in FORMS if wanted in (None, form.format)]
    form = next((form for form in asked if form.fits(names)), None)
    if form is None and wanted not in (None, ImportFormat.PLAIN):
        columns_of = "; or ".join(
            alternatives(sorted(form.columns), last="and") for form in asked if not form.subscribed
        )
        raise UserError(
            Problem(f"is not an export of {wanted}", label, hint=f"one has the columns {columns_of}")
        )
    if form is not None and form.subscribed:
        hint = (
            "these are subscribers; take the files of unsubscribed contacts, or add --as plain --column NAME"
        )
        raise UserError(Problem(f"this is {form.title}", label, hint=hint))
    return form
