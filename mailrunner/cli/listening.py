"""Shared by the commands that listen: their extra, trusted proxies, the lines of the access log."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from mailrunner.clock import rfc3339
from mailrunner.errors import Problem, UserError


def check_extra(command: str) -> None:
    """Raise UserError where the extra `web`, which `command` needs, is not installed."""
    try:
        import starlette
        import uvicorn
    except ModuleNotFoundError as error:
        raise UserError(
            Problem(
                f"{command} needs {error.name}, which is not installed", hint='pip install "mailrunner[web]"'
            )
        ) from error
    assert starlette and uvicorn  # noqa: S101


def check_trusted(proxies: str) -> None:
    """Raise UserError for what is no IP address; uvicorn would silently trust no proxy."""
    problems = []
    for proxy in (part.strip() for part in proxies.split(",") if proxies and proxies != "*"):
        try:
            ip_network(proxy) if "/" in proxy else ip_address(proxy)
        except ValueError as error:
            problems.append(
                Problem(str(error), key="--forwarded-allow", hint="write e.g. 127.0.0.1 or 10.0.0.0/8")
            )
    UserError.collect(problems)


def print_line(line: str) -> None:
    """Print one line of the access log on stderr."""
    sys.stderr.write(f"{rfc3339(datetime.now(UTC))} {line}\n")
