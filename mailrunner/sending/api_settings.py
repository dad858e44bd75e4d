"""An account's API as its provider's module speaks it; nothing is imported that only a connection needs."""

from __future__ import annotations

import os

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.config.api_access import ApiAccess
from mailrunner.transports.apis import Api, ApiSettings
from mailrunner.transports.apis.bearer import Bearer, FixedBearer
from mailrunner.transports.apis.registry import api


def bearer_of(account: Account, access: ApiAccess, clock: Clock) -> Bearer:
    """The key of the account, or its OAuth token; raises UserError where a user has to log in first."""
    if account.oauth is not None and access.key is None:
        from mailrunner.sending.token_bearer import TokenBearer

        return TokenBearer(account.oauth, clock)
    return fixed_bearer(access)


def fixed_bearer(access: ApiAccess) -> Bearer:
    """The key of the account, "" where it has none: for what is never sent."""
    return FixedBearer(access.key.get_secret_value() if access.key else "")


def api_of(account: Account, access: ApiAccess, bearer: Bearer) -> Api:
    """The account's API."""
    is_app = account.oauth is not None and account.oauth.flow == "client-credentials"
    return api(
        access.preset.name,
        ApiSettings(
            url=access.url,
            bearer=bearer,
            secret=access.secret.get_secret_value() if access.secret else "",
            session=_session(bearer()) if access.preset.name == "ses" else "",
            region=access.region,
            stream=access.stream,
            domain=access.domain,
            mailbox=account.user if is_app else "",
        ),
    )


def _session(key: str) -> str:
    """The session token of temporary AWS credentials, where the environment has it for this very key."""
    return os.environ.get("AWS_SESSION_TOKEN", "") if os.environ.get("AWS_ACCESS_KEY_ID") == key else ""
