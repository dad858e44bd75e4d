"""The class for each provider's API, by the name of the preset."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from mailrunner.transports.apis import Api, ApiSettings

# Imported by name: a run needs one of them.
_CLASSES: Mapping[str, str] = {
    "gmail": "gmail:GmailApi",
    "google-workspace": "gmail:GmailApi",
    "microsoft365": "graph:GraphApi",
    "outlook": "graph:GraphApi",
    "ses": "ses:SesApi",
    "mailgun": "mailgun:MailgunApi",
    "mandrill": "mandrill:MandrillApi",
    "smtp2go": "smtp2go:Smtp2goApi",
    "sparkpost": "sparkpost:SparkpostApi",
    "postmark": "postmark:PostmarkApi",
    "sendgrid": "sendgrid:SendgridApi",
    "brevo": "brevo:BrevoApi",
    "resend": "resend:ResendApi",
    "mailjet": "mailjet:MailjetApi",
    "mailtrap": "mailtrap:MailtrapApi",
}


def api_names() -> tuple[str, ...]:
    """The presets whose API is known."""
    return tuple(_CLASSES)


def api(preset: str, settings: ApiSettings) -> Api:
    """The API of a preset; KeyError where none is known."""
    module, _, name = _CLASSES[preset].partition(":")
    found: Api = getattr(import_module(f"mailrunner.transports.apis.{module}"), name)(settings)
    return found
