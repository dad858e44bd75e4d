"""Identities of accounts that tell two accounts of one provider apart; no key of a provider in the ledger.

Postmark's server token is its SMTP user, so it stood in the identity: it becomes the digest of it.  Other
identities become what they are now when an account is used next, as only its file tells whose they are; what
was taken over then is noted in `formerly`.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_POSTMARK = "postmark/"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("formerly", sa.Text(), server_default="", nullable=False))
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT no, identity FROM accounts")).all()
    for no, identity in rows:
        if identity.startswith(_POSTMARK):
            new = _POSTMARK + _key_digest(identity.removeprefix(_POSTMARK))
            statement = sa.text("UPDATE accounts SET identity = :new WHERE no = :no")
            connection.execute(statement, {"new": new, "no": no})


def _key_digest(key: str) -> str:
    """As `config.identity.key_digest` was when this was written."""
    text = key.strip().casefold().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=6, person=b"mailrunner key").hexdigest()
