"""A row of the table of answers of HTTP APIs: whose answer, which status, which name, which words."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mailrunner.model.outcome import Action


@dataclass(frozen=True, slots=True)
class HttpRule:
    """A row; what is empty applies to all.

    `statuses` are whole ("429") or by class ("5").  `names` is a pattern for the provider's error name
    as a whole, `text` one that is searched for; both see lower-case text with "@" for addresses.
    `counted` makes a stop wait for a second opinion, `account` widens a retry to the whole account.
    """

    action: Action
    says: str
    providers: Collection[str] = ()
    statuses: tuple[str, ...] = ()
    names: str = ""
    text: str = ""
    counted: bool = False

    def applies(self, provider: str, status: int, name: str, said: str) -> bool:
        return (
            (not self.providers or provider in self.providers)
            and (not self.statuses or str(status).startswith(self.statuses))
            and (not self.names or re.fullmatch(self.names, name) is not None)
            and (not self.text or re.search(self.text, said) is not None)
        )
