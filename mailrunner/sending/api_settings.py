"""An account's API as its provider's module speaks it; nothing is imported that only a connection needs."""

from __future__ import annotations

import os

from mailrunner.config.account import Account
from mailrunner.config.api_access import ApiAccess
from mailrunner.transports.apis import Api, ApiSettings
from mailrunner.transports.apis.bearer import Bearer, FixedBearer
from mailrunner.transports.apis.registry import api


def bearer_of(account: Account, access: ApiAccess) -> Bearer:
    """The key of the account."""
    return FixedBearer(access.key.get_secret_value() if access.key else "")


def api_of(access: ApiAccess, bearer: Bearer) -> Api:
    """The account's API."""
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
        ),
    )


def _session(key: str) -> str:
    """The session token of temporary AWS credentials, where the environment has it for this very key."""
    return os.environ.get("AWS_SESSION_TOKEN", "") if os.environ.get("AWS_ACCESS_KEY_ID") == key else ""
