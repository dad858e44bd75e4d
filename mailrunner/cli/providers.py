"""`mailrunner providers`: the presets, with what each can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailrunner.cli.app import SET_UP, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption

if TYPE_CHECKING:
    from mailrunner.config.providers import Preset

_CERTAINTY = {
    "documented": "documented by the provider",
    "reported": "reported by others",
    "guess": "a guess, the most cautious figure",
}


@command(app, "providers", panel=SET_UP)
def providers(context: CommandContext, as_json: JsonOption = False) -> None:
    """List the mail providers that mailrunner knows, with their limits, logins and notes.

    Example: mailrunner providers --json
    """
    from mailrunner.config.providers import preset, preset_names

    presets = [preset(name) for name in preset_names()]
    if as_json:
        context.json({"providers": [_object(each) for each in presets]})
        return
    context.result("\n".join(line for each in presets for line in _lines(each)))


def _lines(chosen: Preset) -> list[str]:
    server = f"{chosen.host}:{chosen.port}" if chosen.host else "any host and port"
    told = ", ".join(map(str, chosen.limits))
    limits = f"{told} ({_CERTAINTY[chosen.limits_from]})" if told else "none known"
    abilities = ", ".join(_abilities(chosen))
    return [
        f"{chosen.name:<16} {chosen.title}",
        f"  {server}; limits: {limits}; login: {' or '.join(_logins(chosen))}",
        *([f"  {abilities}"] if abilities else []),
        f"  {chosen.note}",
        *(f"  {source}" for source in chosen.sources),
    ]


def _logins(chosen: Preset) -> list[str]:
    """The ways to log in, the usual one first."""
    by_password = "app password" if chosen.app_password else "password"
    ways = {"password": [by_password], "none": [f"none, or {by_password}"], "oauth": []}[chosen.login]
    return [*ways, *(["OAuth"] if chosen.oauth else [])]


def _abilities(chosen: Preset) -> list[str]:
    """What helps afterwards: the Sent folder proves what was in doubt, IMAP has the bounces; another way."""
    from mailrunner.config.api_presets import api_preset

    by_oauth = " (OAuth)" if chosen.imap_login == "oauth" else ""
    found = {
        "keeps sent messages, so doubt can be resolved": chosen.files_submissions,
        f"IMAP at {chosen.imap_host}{by_oauth}": bool(chosen.imap_host),
        'HTTP API too: via = "api"': api_preset(chosen.name) is not None,
        "replaces Message-IDs": not chosen.keeps_message_id,
        "sends under the account's own address": chosen.from_rewritten,
    }
    return [sentence for sentence, holds in found.items() if holds]


def _object(chosen: Preset) -> dict[str, Any]:
    """One preset as JSON shows it; the keys are a contract."""
    from mailrunner.config.api_presets import api_preset

    return {
        "name": chosen.name,
        "title": chosen.title,
        "host": chosen.host or None,
        "port": chosen.port or None,
        "tls": chosen.tls,
        "limits": [str(limit) for limit in chosen.limits],
        "limits_from": chosen.limits_from or None,
        "login": chosen.login,
        "app_password": chosen.app_password,
        "oauth": bool(chosen.oauth),
        "http_api": api_preset(chosen.name) is not None,
        "imap_host": chosen.imap_host or None,
        "files_submissions": chosen.files_submissions,
        "keeps_message_id": chosen.keeps_message_id,
        "note": chosen.note,
        "sources": list(chosen.sources),
    }
