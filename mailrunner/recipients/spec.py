"""The `[recipients]` keys of a campaign file, as far as reading a list needs them.

Protocols, because the one class that has them, `campaign.tables.RecipientsSpec`, stands in a room beside this
one: a list can be read without campaign files (suppression imports do), and neither room imports the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class SourceSpec(Protocol):
    """The keys that say where the rows are; exactly one of the first four is set."""

    @property
    def csv(self) -> str | None: ...
    @property
    def xlsx(self) -> str | None: ...
    @property
    def parquet(self) -> str | None: ...
    @property
    def sql(self) -> str | None: ...
    @property
    def sheet(self) -> str | None: ...
    @property
    def encoding(self) -> str | None: ...
    @property
    def delimiter(self) -> str | None: ...
    @property
    def database(self) -> str | None: ...


class ListSpec(Protocol):
    """The keys that say what the columns mean; `types` maps columns to the types of `cell.from_text`."""

    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def defaults(self) -> Mapping[str, Any]: ...
    @property
    def types(self) -> Mapping[str, str]: ...
    @property
    def where(self) -> str | None: ...
