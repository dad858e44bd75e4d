"""HTTP APIs that presets know, read from `data/apis.toml`, where each figure has its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from mailrunner.model.quota import Limit

IdentityBy = Literal["user", "domain", "region/key", "key", "password", "digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPreset:
    """One provider's API.

    `url` is the endpoint, where {region} is to be filled in; `regions` are those with an endpoint of their
    own, by name.  `needs` and `takes` name keys of the account.  `mime`: it takes finished messages.
    """

    name: str
    url: str
    regions: Mapping[str, str]
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    mime: bool
    identity: IdentityBy
    keeps_message_id: bool
    limits: tuple[Limit, ...]
    connections: int
    note: str
    sources: tuple[str, ...]

    def endpoint(self, region: str) -> str:
        """The endpoint of a region or, where it has them by stream, of a stream; "" is the usual one."""
        return self.regions.get(region, self.url).replace("{region}", region)


def api_preset(name: str) -> ApiPreset | None:
    """The API of the preset of that exact name; None where none is known."""
    return _presets().get(name)


def api_preset_names() -> tuple[str, ...]:
    """The presets that have one, in the order of the file."""
    return tuple(_presets())


@cache
def _presets() -> dict[str, ApiPreset]:
    text = files("mailrunner").joinpath("data/apis.toml").read_text("utf-8")
    return {name: _preset(name, table) for name, table in tomllib.loads(text).items()}


def _preset(name: str, table: dict[str, Any]) -> ApiPreset:
    read = {
        "regions": table.get("regions", {}),
        "limits": tuple(map(Limit.parse, table["limits"])),
        **{key: tuple(table[key]) for key in ("needs", "takes", "sources")},
    }
    return ApiPreset(name=name, **{**table, **read})
