"""Debian's Exim; what it knows and how it is used stands in `mail_servers`."""

from __future__ import annotations

import shutil

from tests.support.mail_servers import MailServer

_CONFIG = """
exim_path = {path}
exim_user = nobody
exim_group = nogroup
never_users =
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
primary_hostname = mail.example.org
domainlist local_domains = example.org
acl_smtp_rcpt = acl_rcpt
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts =
smtputf8_advertise_hosts = *
smtp_accept_queue_per_connection = 0
keep_environment =
{settings}
begin acl
acl_rcpt:
  require message = relay not permitted
          domains = +local_domains
  require verify = recipient
  accept
begin routers
later:
  driver = manualroute
  domains = +local_domains
  local_parts = ^later
  route_list = * 127.0.0.1::{next_hop}
  self = send
  transport = onward
local:
  driver = accept
  domains = +local_domains
  local_parts = ! ^gone
  transport = box
begin transports
onward:
  driver = smtp
  allow_localhost
box:
  driver = appendfile
  directory = {folder}/mail/box
  maildir_format
  envelope_to_add
  return_path_add
  user = nobody
  group = nogroup
begin retry
* * F,2h,15m
"""


class Exim(MailServer):
    """Its daemon in the foreground; `settings` are lines of the configuration's main section."""

    program, package = "exim4", "exim4-daemon-light"

    def prepare(self) -> None:
        for name in ("spool", "mail", "log"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "nobody", "nogroup")
        self._config = self.folder / "exim.conf"
        self._config.write_text(
            _CONFIG.format(
                path=self.path,
                folder=self.folder,
                port=self.port,
                next_hop=self.next_hop,
                settings=self.settings,
            )
        )

    def command(self) -> list[str]:
        return [self.path, "-C", str(self._config), "-bdf", "-q30m"]

    def is_idle(self) -> bool:
        return not any(path.is_file() for path in (self.folder / "spool" / "input").rglob("*"))

    def log(self) -> str:
        logs = sorted((self.folder / "log").glob("*"))
        return super().log() + "".join(path.read_text(errors="replace") for path in logs)
