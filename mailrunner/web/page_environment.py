"""Jinja for the pages of the dashboard, the gallery and the catcher, on which text of others is shown.

Addresses, names, subjects and servers' words are escaped, and no character among them steers the browser:
see `mailrunner.model.terminal_text`.
"""

from __future__ import annotations

from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from mailrunner.model.number_and_noun import counted
from mailrunner.model.terminal_text import printable


def page_environment(loader: BaseLoader) -> Environment:
    """An environment with the filters `n`, a number with its thousands told apart, and `counted`."""
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters |= {"n": "{:,}".format, "counted": counted}
    return environment


def _finalized(value: Any) -> Any:
    """What a template writes, before it is escaped; markup of a template's own stays as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
