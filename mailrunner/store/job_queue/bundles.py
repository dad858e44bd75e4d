"""Bundles: the files that messages are made of, for machines that have no copy of the project."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sqlalchemy import text

from mailrunner.store.database import Database
from mailrunner.store.job_queue.tables import enter, exists

_KEEP = text("INSERT INTO bundles (digest, octets) VALUES (:digest, :octets) ON CONFLICT DO NOTHING")
_FORGET = text("DELETE FROM campaign_files WHERE campaign_no = :no")
_NAME = text("INSERT INTO campaign_files (campaign_no, path, digest) VALUES (:no, :path, :digest)")
_SWEEP = text(
    "DELETE FROM bundles b WHERE NOT EXISTS (SELECT FROM campaign_files f WHERE f.digest = b.digest)"
)
_FILES = text("SELECT path, digest FROM campaign_files WHERE campaign_no = :no ORDER BY path")
_OCTETS = text("SELECT octets FROM bundles WHERE digest = :digest")
_HAVE = text("SELECT DISTINCT campaign_no FROM campaign_files")


class Bundles:
    """The bundles of all campaigns, each file once whatever the number of campaigns that use it."""

    def __init__(self, database: Database, schema: str) -> None:
        self._database, self._schema = database, schema

    def keep(self, campaign_no: int, files: Mapping[str, bytes]) -> None:
        """Keep the files of a campaign, by their paths in the project, instead of those it had."""
        digests = {path: hashlib.sha256(octets).hexdigest() for path, octets in files.items()}
        with self._database.write() as connection:
            self._database.lock_ledger(connection)
            enter(connection, self._schema)
            connection.execute(_FORGET, {"no": campaign_no})
            for path, octets in sorted(files.items(), key=lambda file: digests[file[0]]):
                connection.execute(_KEEP, {"digest": digests[path], "octets": octets})
                connection.execute(_NAME, {"no": campaign_no, "path": path, "digest": digests[path]})
            connection.execute(_SWEEP)

    def files(self, campaign_no: int) -> dict[str, str]:
        """The paths of a campaign's files, each with the sha256 of its octets; empty without a bundle."""
        with self._database.read() as connection:
            enter(connection, self._schema)
            return {row.path: row.digest for row in connection.execute(_FILES, {"no": campaign_no})}

    def octets(self, digest: str) -> bytes:
        """The octets of a file."""
        with self._database.read() as connection:
            enter(connection, self._schema)
            return bytes(connection.execute(_OCTETS, {"digest": digest}).scalar_one())

    def campaigns(self) -> set[int]:
        """The numbers of the campaigns that have a bundle."""
        with self._database.read() as connection:
            enter(connection, self._schema)
            return set(connection.execute(_HAVE).scalars())

    def forget(self, campaign_no: int) -> None:
        """Delete a campaign's files, if there are any: they may hold recipients' data."""
        with self._database.write() as connection:
            if exists(connection, self._schema):
                self._database.lock_ledger(connection)
                enter(connection, self._schema)
                connection.execute(_FORGET, {"no": campaign_no})
                connection.execute(_SWEEP)
