"""Places where a ledger should not lie, and rights that its file should not have.

A file that something else copies or locks is no ledger for long: SQLite's locks and its write-ahead log
need a local disk (sqlite.org, "How To Corrupt An SQLite Database File", §2.1); programs that synchronise
a folder copy the file in the middle of a commit.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

_SYNCED = (
    "dropbox",
    "onedrive",
    "google drive",
    "googledrive",
    "icloud",
    "nextcloud",
    "owncloud",
    "syncthing",
)
_NETWORK = ("nfs", "cifs", "smb", "afs", "fuse.sshfs", "9p", "davfs", "glusterfs", "ceph")
_MOUNTS = Path("/proc/mounts")


def location_warning(ledger: Path) -> str | None:
    """A sentence where the ledger lies in a synchronised folder or on a network drive."""
    for part in ledger.resolve().parts:
        if part.casefold().startswith(_SYNCED) or "mobile documents" in part.casefold():
            return (
                f"the ledger {ledger} lies in a folder that is synchronised ({part}): a copy taken in the "
                "middle of a run can damage it; set database to a place outside"
            )
    kind = _filesystem(ledger.resolve())
    if kind.startswith(_NETWORK):
        return (
            f"the ledger {ledger} lies on a network drive ({kind}), where SQLite's locks cannot be trusted; "
            "set database to a local disk, or to PostgreSQL"
        )
    return None


def rights_warning(ledger: Path) -> str | None:
    """A sentence where others than the owner may read the ledger; None where they may not.

    A group that may also write it was given that right by hand: `run` and `serve` may be two users.
    """
    if os.name == "nt":
        return None
    rights = stat.S_IMODE(ledger.stat().st_mode) if ledger.exists() else 0
    is_shared = rights & stat.S_IWGRP and not rights & stat.S_IRWXO
    if not rights & (stat.S_IRWXG | stat.S_IRWXO) or is_shared:
        return None
    return (
        f"other users of this machine may read the ledger, with all addresses in it: "
        f"chmod 600 {shlex.quote(str(ledger))}"
    )


def _filesystem(path: Path) -> str:
    """The kind of the file system below `path`, "" where it cannot be told."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    mounts = [(Path(fields[1]), fields[2]) for line in lines if len(fields := line.split()) > 2]
    above = [(len(point.parts), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(above, default=(0, ""))[1]
