"""The files of a new project: its two kinds of TOML files with comments, templates, a list to try.

    written, kept = write(folder, project_files(ProjectSender(provider="gmail", address="a@x.org", name="")))

The texts are in `data/project/`; only what depends on the sender is filled in here.  A file that
exists is never touched.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from mailrunner.config.oauth import EXAMPLE
from mailrunner.config.providers import Preset, Tls, preset, tls_of_port

SECRETS_FILE = ".env"
IGNORED = (".env", ".mailrunner/", "data/*.db", "data/*.db-*", "previews/")
CAMPAIGN = "newsletter"
_SCHEMAS = ("mailrunner.schema.json", "campaign.schema.json")
_SCHEMA_FOLDER = ".mailrunner/schemas"
_BY_OAUTH = ("outlook", "microsoft365")  # passwords ended in 2024, and are off by default from 2027 on
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NEEDS_QUOTES = re.compile(r"[^\w\s!#$%&\'*+/=?^`{|}~-]")  # RFC 5322 §3.2.3, and all letters beyond ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSender:
    """The sender of a new project.  `host` and `port` are for presets that know none.

    `limits` are written as in mailrunner.toml, e.g. "500/24h"; empty, the preset's hold.  `tls` is for
    ports that do not imply it.  With `user_variable` the login is in the variables that are named, and
    there is none where `password_variable` is empty.
    """

    provider: str
    address: str
    name: str
    host: str = ""
    port: int = 0
    limits: tuple[str, ...] = ()
    tls: Tls | Literal[""] = ""
    user_variable: str = ""
    password_variable: str = ""

    @property
    def mailbox(self) -> str:
        """The value of `from`: the address, with the name before it if there is one."""
        if not self.name:
            return self.address
        quoted = '"' + re.sub(r'(["\\])', r"\\\1", self.name) + '"'
        return f"{quoted if _NEEDS_QUOTES.search(self.name) else self.name} <{self.address}>"

    def secrets(self) -> tuple[str, ...]:
        """The variables that the account needs, as they are to stand in .env."""
        return tuple(re.findall(r"\$\{(\w+)\}", "\n".join(self.account_lines())))

    def account_lines(self) -> list[str]:
        """The account's table of mailrunner.toml."""
        chosen = preset(self.provider)
        lines = [f"[accounts.{self.provider}]", f'provider = "{self.provider}"']
        if self.host:
            lines += self._server_lines(chosen)
        lines += self._login_lines(chosen)
        if self.limits:
            lines.append(f"limits = {json.dumps(list(self.limits))}")
        elif _is_mailbox(chosen) and (reserve := _reserve(chosen)):
            line = f"reserve = {reserve}"
            lines.append(f"{line:<41} # room for the mail you write yourself")
        return [*lines, *self._oauth_lines(chosen)]

    @property
    def by_oauth(self) -> bool:
        """True where the provider takes no passwords, or will not for long: an app has to be registered."""
        return self.provider in _BY_OAUTH and not self.user_variable

    def _oauth_lines(self, chosen: Preset) -> Iterator[str]:
        """The table of the user's own app; Microsoft's organisations have a tenant."""
        if not self.by_oauth:
            return
        variable = _variable(self.provider)
        yield f"[accounts.{self.provider}.oauth]"
        line = f'client_id = "${{{variable}_CLIENT_ID}}"'
        yield f"{line:<41} # of your own app: docs/login.md says what to click"
        if chosen.login == "password":
            yield f'tenant = "${{{variable}_TENANT}}"'

    def _server_lines(self, chosen: Preset) -> Iterator[str]:
        yield f"host = {_quoted(self.host)}"
        port = self.port or chosen.port
        yield f"port = {port}"
        if tls_of_port(port) is None:
            yield f'tls = "{self.tls or ("none" if self.host in _LOOPBACK else "starttls")}"'

    def _login_lines(self, chosen: Preset) -> Iterator[str]:
        """A mailbox's user is its address; a mailing service's is a variable, or fixed by the preset."""
        if self.user_variable:
            yield from self._variable_lines()
            return
        if self.host in _LOOPBACK or chosen.name == "google-relay":
            return
        variable = _variable(self.provider)
        if _is_mailbox(chosen) or chosen.name == "smtp":
            yield f"user = {_quoted(self.address)}"
        elif not chosen.user:
            yield f'user = "${{{variable}_USER}}"'
        if self.by_oauth:
            line = 'login = "oauth"'
            yield f"{line:<41} # Microsoft takes no passwords: docs/login.md"
            return
        kind = "APP_PASSWORD" if chosen.app_password else "PASSWORD"
        yield f'password = "${{{variable}_{kind}}}"'

    def _variable_lines(self) -> Iterator[str]:
        yield f'user = "${{{self.user_variable}}}"'
        if self.password_variable:
            yield f'password = "${{{self.password_variable}}}"'


def _variable(provider: str) -> str:
    """The beginning of the names of a provider's variables."""
    return re.sub(r"\W", "_", provider).upper()


def placeholder(provider: str) -> ProjectSender:
    """A sender to be edited later, with which the project can be checked at once."""
    domain = {"gmail": "gmail.com", "outlook": "outlook.com"}.get(provider, "example.org")
    needs_host = not preset(provider).host
    return ProjectSender(
        provider=provider,
        address=f"you@{domain}",
        name="Your Name",
        host="mail.example.org" if needs_host else "",
        port=587 if needs_host else 0,
    )


def project_files(sender: ProjectSender) -> dict[str, bytes]:
    """Every file of a new project but the hidden ones: path in the project to content."""
    values = {
        "<<account table>>": "\n".join(sender.account_lines()),
        "<<account>>": _quoted(sender.provider),
        "<<from>>": _quoted(sender.mailbox),
    }
    return {
        path: _filled(content, values) if path.endswith(".toml") else content
        for path, content in _files_in(_data() / "project")
    }


def hidden_files(sender: ProjectSender) -> dict[str, bytes]:
    """.env with a placeholder for each secret, and .gitignore, which keeps it out of version control."""
    secrets = ["# Secrets of this project: never in version control."]
    if note := preset(sender.provider).note:
        secrets.append(f"# {note}")
    secrets += [f"{name}={EXAMPLE}" for name in sender.secrets()]
    return {SECRETS_FILE: _lines(secrets), ".gitignore": _lines(IGNORED)}


def campaign_files(name: str, *, account: str, sender: str) -> dict[str, bytes]:
    """A commented campaign file for `name` and its template: path in the project to content."""
    values = {"<<name>>": name, "<<account>>": _quoted(account), "<<from>>": _quoted(sender)}
    skeleton = _data() / "campaign"
    return {
        f"campaigns/{name}.toml": _filled((skeleton / "campaign.toml").read_bytes(), values),
        f"templates/{name}.html": (skeleton / "message.html").read_bytes(),
    }


def example_messages() -> tuple[bytes, bytes]:
    """The HTML that `new` and `init` write, as it is before it is edited."""
    newsletter = _data() / "project/templates" / f"{CAMPAIGN}.html"
    return (_data() / "campaign/message.html").read_bytes(), newsletter.read_bytes()


def write(folder: Path, contents: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """Write the files that do not exist yet; return the names written and the names kept."""
    written: list[str] = []
    kept: list[str] = []
    for name, content in contents.items():
        (written if _create(folder / name, content) else kept).append(name)
    return written, kept


def write_schemas(folder: Path) -> None:
    """Put the JSON Schemas of this version where the `#:schema` lines of the TOML files look."""
    place = folder / _SCHEMA_FOLDER
    place.mkdir(parents=True, exist_ok=True)
    for name in _SCHEMAS:
        (place / name).write_bytes((_data() / name).read_bytes())


def _create(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if path.name == SECRETS_FILE else 0o666
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return True


def _is_mailbox(chosen: Preset) -> bool:
    return chosen.login != "none" and (chosen.app_password or chosen.files_submissions)


def _reserve(chosen: Preset) -> int:
    """A tenth of what the mailbox may send in a day."""
    daily = [limit.number for limit in chosen.limits if limit.number and limit.usable(1) != limit.number]
    return min(daily, default=0) // 10


def _quoted(text: str) -> str:
    """A basic string of TOML; those of JSON are among them, but for DEL, which no value here may hold."""
    return json.dumps(text, ensure_ascii=False)


def _filled(content: bytes, values: Mapping[str, str]) -> bytes:
    """The content with each placeholder (`<<name>>`) replaced by its value."""
    text = content.decode()
    for field, value in values.items():
        text = text.replace(field, value)
    return text.encode()


def _lines(lines: list[str] | tuple[str, ...]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _data() -> Traversable:
    return files("mailrunner") / "data"


def _files_in(folder: Traversable, inside: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{inside}{entry.name}"
        if entry.is_dir():
            yield from _files_in(entry, f"{path}/")
        else:
            yield path, entry.read_bytes()
