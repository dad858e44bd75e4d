"""The authorization server's errors as sentences with the next step.

Microsoft's AADSTS codes: learn.microsoft.com/entra/identity-platform/reference-error-codes; Google's:
developers.google.com/identity/protocols/oauth2/native-app#authorization-errors.
"""

from __future__ import annotations

import re

from mailrunner.transports.oauth.errors import GrantRefusedError
from mailrunner.transports.oauth.grant import Grant, is_attended
from mailrunner.transports.redaction import without_password

TITLES = {"google": "Google", "microsoft": "Microsoft"}
_LONGEST_TEXT = 300  # characters of the server's own words
_AADSTS = re.compile(r"\bAADSTS(\d{4,8})\b")
_NOISE = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp): \S+( \S+Z)?")

_OF_AADSTS = {
    "16000": "the browser is signed in with another account: log in again and choose the right one",
    "50011": "the app does not know this redirect: add http://localhost to it, as a mobile and desktop app",
    "50020": "this account is of another organisation: correct tenant, or take the right account",
    "50034": "this tenant has no such user: correct user or tenant",
    "50053": "the account is locked after too many tries: wait, or ask the administrator",
    "50055": "the account's password has expired: set a new one at the provider, then log in again",
    "50057": "the account is disabled: ask the administrator",
    "50059": "the app's tenant is not known: set tenant to the id of your organisation",
    "50076": "a second factor is asked for: log in again",
    "50078": "the second factor is too long ago: log in again",
    "50079": "the account needs a second factor set up: do so at the provider's web page, then log in again",
    "50105": "the app is only for users that the administrator has added to it: ask the administrator",
    "50128": "this tenant does not exist: correct tenant",
    "50173": "the password was changed since the last login: log in again",
    "50194": "the app is for one organisation only: set tenant to its id",
    "53000": "the organisation lets only managed devices in (conditional access): ask the administrator",
    "53003": "the organisation forbids it by a rule (conditional access): ask the administrator",
    "65001": "the app was not allowed yet: log in again and agree, or let the administrator agree for all",
    "65004": "the user did not agree: log in again and agree",
    "70000": "the login is not valid any more: log in again",
    "70008": "the login has ended because it was not used for long: log in again",
    "70011": "the app may not ask for this: add the permissions SMTP.Send and IMAP.AccessAsUser.All to it",
    "70043": "the organisation ends logins after a time, and this one is over: log in again",
    "90002": "this tenant does not exist: correct tenant",
    "90072": "this account is of another organisation: correct tenant, or take the right account",
    "90094": "only an administrator may allow this app: ask for admin consent",
    "500011": "the tenant does not know Exchange Online: take an account with a mailbox",
    "530003": "the organisation lets only managed devices in (conditional access): ask the administrator",
    "650057": "the app lacks permissions: add SMTP.Send and IMAP.AccessAsUser.All of Exchange Online",
    "700016": "there is no such app in this tenant: correct client_id or tenant",
    "700082": "the login has ended because it was not used for 90 days: log in again",
    "700084": "the app is registered as a single-page app: register it as a mobile and desktop app",
    "7000112": "the app is disabled: ask the administrator",
    "7000215": "client_secret is wrong: copy the secret's value, not its id",
    "7000218": 'the app is no public client: switch on "Allow public client flows", or set client_secret',
    "7000222": "client_secret has expired: make a new one in the app's registration",
    "9002327": "the app is registered as a single-page app: register it as a mobile and desktop app",
    "9002331": 'the app is for personal accounts only: set tenant = "consumers"',
    "9002346": 'the app is for personal accounts only: set tenant = "consumers"',
}
_OF_CODE = {
    "access_denied": "it was not allowed: log in again and agree",
    "admin_policy_enforced": "the Workspace administrator does not allow the app: ask for it to be trusted",
    "authorization_pending": "the user has not agreed yet",
    "deleted_client": "the app was deleted: make a new one and correct client_id",
    "disabled_client": "the app is disabled: look at it in the Google Cloud console",
    "expired_token": "the code has expired: log in again",
    "invalid_client": "client_id or client_secret is wrong, or the app was deleted",
    "invalid_grant": "the login is not valid any more: revoked, expired, or the password was changed",
    "invalid_scope": "the app may not ask for mail: add the permission to it, see docs/login.md",
    "org_internal": "the app is for users of another organisation only",
    "redirect_uri_mismatch": "the app is not one for desktops: make a client of the type Desktop app",
    "slow_down": "the server asks to be asked less often",
    "unauthorized_client": "the app may not do this",
}
_SERVICE_ACCOUNT = {
    "unauthorized_client": "the service account may not use this mailbox: the Workspace administrator adds "
    "its client id with the scope https://mail.google.com/ under domain-wide delegation",
    "invalid_grant": "there is no such mailbox, or this machine's clock is wrong by more than some minutes",
}


def refusal(grant: Grant, code: str, text: str, *secrets: str) -> GrantRefusedError:
    """What the server's error means for the user, with its own words and the command to type.

    `secrets` are those that were sent and that it may repeat.
    """
    reason = _reason(grant, code, text)
    told = shown(grant, f"{code}: {text}" if text else code, *secrets)
    step = f"; type: mailrunner login {grant.account}" if is_attended(grant) else ""
    sentence = f"{TITLES[grant.provider]} gives account {grant.account} no token: {reason}{step}"
    return GrantRefusedError(f"{sentence} ({told})" if told else sentence, code)


def shown(grant: Grant, text: str, *secrets: str) -> str:
    """The server's own words on one line of bounded length, without any secret."""
    own = (secret.get_secret_value() for secret in (grant.client_secret, grant.refresh_token) if secret)
    text = text[: _LONGEST_TEXT * 10]
    for secret in (*own, *secrets):
        text = without_password(text, user=grant.user, password=secret, mark="***")
    line = "".join(each if each.isprintable() else " " for each in _NOISE.sub("", text))
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}…"


def _reason(grant: Grant, code: str, text: str) -> str:
    numbers = _AADSTS.findall(text) if grant.provider == "microsoft" else []
    known = next((_OF_AADSTS[number] for number in numbers if number in _OF_AADSTS), "")
    if not known and grant.flow == "service-account":
        known = _SERVICE_ACCOUNT.get(code, "")
    return known or _OF_CODE.get(code, "the server refuses it")


def revocation_page(grant: Grant) -> str:
    """Where the user takes back what an app was allowed."""
    if grant.provider == "google":
        return "https://myaccount.google.com/connections"
    return "https://account.live.com/consent/Manage" if grant.is_personal else "https://myapps.microsoft.com"
