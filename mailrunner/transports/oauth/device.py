"""Waiting for the user who types a code on another device (RFC 8628 §3.5)."""

from __future__ import annotations

from datetime import timedelta
from threading import Event
from typing import Any

from mailrunner.clock import Clock
from mailrunner.transports.oauth import advice, token_flows
from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError
from mailrunner.transports.oauth.grant import Grant
from mailrunner.transports.oauth.token_flows import DeviceLogin

_SLOWER = 5.0  # seconds more after "slow_down" (RFC 8628 §3.5)


def wait_for_consent(grant: Grant, begun: DeviceLogin, *, clock: Clock, stop: Event) -> dict[str, Any] | None:
    """The token answer once the user has agreed; None where `stop` is set before.

    Raises GrantRefusedError where the user does not agree, or the code expires before.
    """
    interval = begun.interval
    until = clock.now() + timedelta(seconds=begun.expires_in)
    while clock.now() < until:
        if clock.wait(stop, clock.now() + timedelta(seconds=interval)):
            return None
        try:
            return token_flows.poll_device(grant, begun)
        except GrantRefusedError as error:
            if error.code not in ("authorization_pending", "slow_down"):
                raise
            interval += _SLOWER if error.code == "slow_down" else 0
        except TokenUnavailableError:
            interval *= 2  # as the RFC asks for where the connection fails
    raise advice.refusal(grant, "expired_token", "")
