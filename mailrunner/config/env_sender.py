"""The sender of a new project from the mail settings of a Django project (`EMAIL_HOST` and its like).

Names and defaults: docs.djangoproject.com/en/stable/ref/settings, "Email".  The values of user and
password are written into no file: the account names their variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email.utils import parseaddr

from mailrunner.config.api_table import is_loopback
from mailrunner.config.identity import is_personal_google
from mailrunner.config.project_template import ProjectSender, placeholder
from mailrunner.config.providers import Tls, by_host, preset, tls_of_port
from mailrunner.errors import Problem, UserError
from mailrunner.model.mailbox_address import check_address, refuse_control_characters

HOST, PORT, USER, PASSWORD = "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"
USE_TLS, USE_SSL, FROM = "EMAIL_USE_TLS", "EMAIL_USE_SSL", "DEFAULT_FROM_EMAIL"
_TRUE = frozenset({"true", "1", "yes", "on", "y", "t"})
_DJANGO_PORT = 25


def env_sender(variables: Mapping[str, str]) -> ProjectSender:
    """The sender that these variables name.

    Raises UserError where EMAIL_HOST is not among them, or a value cannot be what its name says.
    """
    host = variables.get(HOST, "").strip().casefold()
    if not host:
        hint = "set it there, or leave --from-env out and say --provider"
        raise UserError(Problem("is neither in the environment nor in .env", key=HOST, hint=hint))
    if any(character in host for character in " /@:\"'\\"):
        raise UserError(Problem(f'"{host}" is not the name of a server', key=HOST))
    user = variables.get(USER, "").strip()
    tls = _tls(variables)
    name = _provider(host, user)
    port = _port(variables, tls, preset(name).port)
    base = placeholder(name)
    address, sender_name = _from(variables, user, base)
    is_usual = (host, port) == (preset(name).host, preset(name).port)
    return replace(
        base,
        address=address,
        name=sender_name,
        host="" if is_usual else host,
        port=0 if is_usual else port,
        tls="" if tls_of_port(port) or is_usual else tls or _tls_without_word(host),
        user_variable=USER if user else "",
        password_variable=PASSWORD if user and variables.get(PASSWORD) else "",
    )


def _provider(host: str, user: str) -> str:
    """The preset whose server it is, else "smtp"; one that takes no password is refused."""
    found = by_host(host) or preset("smtp")
    if found.family == "google" and not is_personal_google(user):
        found = preset("google-workspace")
    if found.login == "oauth":
        raise UserError(Problem(found.note, key=HOST))
    return found.name


def _port(variables: Mapping[str, str], tls: Tls | None, usual: int) -> int:
    given = variables.get(PORT, "").strip()
    if not given:
        by_tls = {"implicit": 465, "starttls": 587}
        return usual or by_tls.get(tls or "", _DJANGO_PORT)
    if not given.isascii() or not given.isdecimal() or not 0 < int(given[:6]) < 65536:
        raise UserError(Problem("is no port; write a number such as 587", key=PORT))
    return int(given)


def _tls(variables: Mapping[str, str]) -> Tls | None:
    """What the two switches say; None where both are off."""
    switched = {name: variables.get(name, "").strip().casefold() in _TRUE for name in (USE_TLS, USE_SSL)}
    if all(switched.values()):
        hint = f"{USE_SSL} is TLS from the start (port 465), {USE_TLS} is STARTTLS (587): switch one off"
        raise UserError(Problem(f"excludes {USE_TLS}", key=USE_SSL, hint=hint))
    if switched[USE_SSL]:
        return "implicit"
    return "starttls" if switched[USE_TLS] else None


def _tls_without_word(host: str) -> Tls:
    """Django would send in the clear; that is done on this machine alone."""
    return "none" if is_loopback(host) else "starttls"


def _from(variables: Mapping[str, str], user: str, base: ProjectSender) -> tuple[str, str]:
    """Address and name: of DEFAULT_FROM_EMAIL, else the user's, else the placeholder's."""
    given = variables.get(FROM, "").strip()
    try:
        if given:
            name, address = parseaddr(refuse_control_characters(given))
            return check_address(address), name
        return check_address(user) if "@" in user else base.address, base.name
    except ValueError as error:
        raise UserError(Problem(str(error), key=FROM if given else USER)) from None
