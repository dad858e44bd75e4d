"""The signer of a project's links and Message-IDs."""

from __future__ import annotations

from mailrunner.config.project import Project
from mailrunner.model.tokens import TokenSigner
from mailrunner.store import Ledger


def token_signer(project: Project, ledger: Ledger) -> TokenSigner:
    """Return the signer with the secret of mailrunner.toml, or the ledger's own, and all former ones.

    A secret that is new is stored in the ledger, as everything it ever signed has to verify.
    """
    configured = project.unsubscribe.secret
    return TokenSigner(ledger.signing_keys(configured.get_secret_value() if configured else None))
