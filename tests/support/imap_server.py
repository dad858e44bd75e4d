"""A real IMAP server for tests: dovecot on loopback, unprivileged, in a folder of its own.

    with ImapServer() as server:
        box = server.mailbox("ana")              # any name is a new user with folders of their own
        box.create("Gesendet")
        box.append("Gesendet", message)

Each user may create the folders of `SPECIAL_USES`, which are then listed with their use; any other
folder has none.  Its certificate for 127.0.0.1 is of `ca_file`.
"""

from __future__ import annotations

import base64
import getpass
import imaplib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pytest
import trustme
from pydantic import SecretStr

from mailrunner.config.account import Imap
from mailrunner.config.providers import Tls
from tests.support.patience import PATIENCE
from tests.support.ports import free_port

PASSWORD = "the right one, ä"
SPECIAL_USES = {"Gesendet": r"\Sent", "Papierkorb": r"\Trash"}

_CONFIG = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
first_valid_gid = 1
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
auth_failure_delay = 0 secs
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True)
class Mailbox:
    """One user's folders."""

    user: str
    port: int

    def create(self, *names: str) -> None:
        """Make folders."""
        with self._client() as client:
            for name in names:
                assert client.create(f'"{name}"')[0] == "OK"

    def append(self, folder: str, *messages: bytes) -> None:
        """Put messages into a folder."""
        with self._client() as client:
            for message in messages:
                assert client.append(f'"{folder}"', "", "", message)[0] == "OK"

    def unseen(self, folder: str) -> int:
        """The number of messages that are not marked as seen."""
        with self._client() as client:
            assert client.select(f'"{folder}"', readonly=True)[0] == "OK"
            return len(client.search(None, "UNSEEN")[1][0].split())

    @contextmanager
    def _client(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=PATIENCE) as client:
            client.authenticate("PLAIN", lambda _: f"\0{self.user}\0{PASSWORD}".encode())
            yield client


class ImapServer:
    """Listens from `with` to its end: `port` in the clear or with STARTTLS, `tls_port` with TLS at once."""

    def __enter__(self) -> ImapServer:
        self._program = _program()
        self.folder = Path(tempfile.mkdtemp(prefix="mailrunner-imap-"))
        self.ca_file = self.folder / "ca.pem"
        self._process = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()
        shutil.rmtree(self.folder)

    def mailbox(self, user: str) -> Mailbox:
        """A user's mailbox; a new user has an empty one."""
        return Mailbox(user, self.port)

    def settings(self, user: str, *, password: str = PASSWORD, tls: Tls = "none") -> Imap:
        """How a user logs in."""
        port = self.tls_port if tls == "implicit" else self.port
        return Imap(host="127.0.0.1", port=port, tls=tls, user=user, password=SecretStr(password))

    def _start(self) -> subprocess.Popen[str]:
        """Start it and wait until it listens; once more where another process took a port meanwhile."""
        self._certify()
        for _ in range(5):
            self.port, self.tls_port = free_port(), free_port()
            (self.folder / "dovecot.conf").write_text(self._config())
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, *_account())
            process = self._spawn()
            said = []
            for line in process.stderr or ():
                said.append(line)
                if "starting up" in line:
                    return process
            process.communicate()
        pytest.fail(f"dovecot does not start: {''.join(said)}")

    def _spawn(self) -> subprocess.Popen[str]:
        user, group = _account()
        other = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [self._program, "-F", "-c", str(self.folder / "dovecot.conf")],
            stderr=subprocess.PIPE,
            cwd=self.folder,
            text=True,
            **other,
        )

    def _config(self) -> str:
        user, group = _account()
        mailboxes = "\n".join(
            f"  mailbox {name} {{\n    special_use = {use}\n  }}" for name, use in SPECIAL_USES.items()
        )
        return _CONFIG.format(
            folder=self.folder,
            user=user,
            group=group,
            password="{PLAIN.b64}" + base64.b64encode(PASSWORD.encode()).decode(),
            mailboxes=mailboxes,
            port=self.port,
            tls_port=self.tls_port,
        )

    def _certify(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            self.folder / "server.pem"
        )


class LimitedImapServer(ImapServer):
    """A dovecot that announces few `capabilities`; users may also create "Spam" (`\\Junk`)."""

    def __init__(self, capabilities: str) -> None:
        self._capabilities = capabilities

    def _config(self) -> str:
        spam = "  mailbox Spam {\n    special_use = \\Junk\n  }\n"
        config = super()._config().replace("  mailbox Papierkorb", f"{spam}  mailbox Papierkorb")
        return f"{config}\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR SPECIAL-USE {self._capabilities}\n"


class TokenImapServer(ImapServer):
    """A dovecot that takes tokens alone, and asks `introspection_url` whose they are (RFC 7662)."""

    def __init__(self, introspection_url: str) -> None:
        self._url = introspection_url

    def _config(self) -> str:
        (self.folder / "oauth2.ext").write_text(
            f"introspection_url = {self._url}?token=\nintrospection_mode = get\n"
            "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
        )
        config = super()._config()
        start = config.index("passdb {")
        end = config.index("userdb {")
        passdb = (
            "auth_mechanisms = xoauth2 oauthbearer\n"
            "passdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n"
            f"  args = {self.folder}/oauth2.ext\n}}\n"
        )
        return config[:start] + passdb + config[end:]


def _program() -> str:
    """The path of dovecot; a machine without it skips these tests, but CI, which must run them all, fails."""
    found = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("these tests need dovecot: apt-get install dovecot-imapd")
    if found is None:
        pytest.skip("dovecot is not installed; apt-get install dovecot-imapd")
    return found


def _account() -> tuple[str, str]:
    """The user and group it runs as: dovecot reads no mail as root."""
    import grp  # there is none on Windows, nor is there dovecot
    import pwd

    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    return user, grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
