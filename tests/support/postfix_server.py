"""Debian's Postfix; what it knows and how it is used stands in `mail_servers`."""

from __future__ import annotations

import pwd
import shutil
import subprocess

from tests.support.mail_servers import MailServer

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
maillog_file = {folder}/output
maillog_file_prefixes = /tmp
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{{{{!/^gone/ box/}}}}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = regexp:{{{{/^later/ relay:[127.0.0.1]:{next_hop}}}}}
smtp_destination_concurrency_limit = 1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
alias_maps =
alias_database =
smtp_tls_security_level = none
{settings}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(MailServer):
    """Its daemon `master` in the foreground; `settings` are lines of main.cf."""

    program, package = "postfix", "postfix"

    def prepare(self) -> None:
        user = pwd.getpwnam("nobody")
        for name in ("conf", "queue", "data", "mail"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "mail", user.pw_uid, user.pw_gid)
        shutil.chown(self.folder / "data", "postfix")
        main = _MAIN.format(
            folder=self.folder,
            uid=user.pw_uid,
            gid=user.pw_gid,
            next_hop=self.next_hop,
            settings=self.settings,
        )
        (self.folder / "conf" / "main.cf").write_text(main)
        (self.folder / "conf" / "master.cf").write_text(_MASTER.format(port=self.port))
        done = subprocess.run(  # makes the folders of the queue
            [self.path, "-c", str(self.folder / "conf"), "check"], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def command(self) -> list[str]:
        return ["/usr/lib/postfix/sbin/master", "-c", str(self.folder / "conf"), "-d"]

    def is_idle(self) -> bool:
        # In the order in which a message goes through them, so that none is missed.
        queues = ("maildrop", "incoming", "active", "deferred")
        return not any(
            path.is_file() for queue in queues for path in (self.folder / "queue" / queue).rglob("*")
        )
