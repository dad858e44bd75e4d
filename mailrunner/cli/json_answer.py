"""The JSON answer of a command that failed or was interrupted, in the shape of its success."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailrunner.errors import MailrunnerError, Problem

if TYPE_CHECKING:
    from mailrunner.cli.context import CommandContext

# The arrays in the JSON answer of commands that take no campaign.
_PARTS = {
    "inbox": ("mailboxes",),
    "list": ("entries",),
    "history": ("history",),
    "quota": ("accounts",),
    "doctor": ("accounts",),
    "providers": ("providers",),
}
# Those of the same commands with an option that shows something else.
_PARTS_WITH = {("inbox", "review"): ("requests",), ("list", "imports"): ("imports",)}
_LOOK_SECONDS = 15.0  # the ledger may be locked or far away, and the machine busy


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """The one object that `--json` promises; without that option nothing is printed."""

    context: CommandContext
    name: str
    given: Mapping[str, Any]

    def failed(self, *problems: Problem) -> None:
        """Print it for a command that ended with these problems."""
        self._print(problems[0].message, problems)

    def interrupted(self) -> None:
        """Print it for a command that a signal has ended."""
        self._print("interrupted", ())

    def _print(self, reason: str, problems: Sequence[Problem]) -> None:
        from mailrunner.sending.python_api.status import problem_objects

        if not self.given.get("as_json"):
            return
        campaign = self.given.get("campaign")
        said = {"reason": reason, "problems": problem_objects(problems)}
        known = self._campaign(campaign) if isinstance(campaign, str) else self._parts()
        self.context.json(known | said)

    def _campaign(self, name: str) -> dict[str, Any]:
        """The campaign as the ledger has it; where that cannot be read, as far as this command knows it."""
        from mailrunner.sending.python_api.status import CampaignStatus

        found = _within(_LOOK_SECONDS, lambda: self._look(name)) or self._sent_now()
        (known,) = found or [CampaignStatus(campaign=name).as_dict()]
        return known

    def _parts(self) -> dict[str, Any]:
        """The arrays of a command without a campaign; of `resume` what it has sent."""
        shown = (names for (name, option), names in _PARTS_WITH.items() if self._has(name, option))
        names = next(shown, _PARTS.get(self.name, ("campaigns", "accounts")))
        parts: dict[str, Any] = {name: [] for name in names}
        if self.context.progress:
            parts["campaigns"] = _within(_LOOK_SECONDS, lambda: self._look(None)) or self._sent_now()
        return parts

    def _has(self, name: str, option: str) -> bool:
        return self.name == name and bool(self.given.get(option))

    def _look(self, name: str | None) -> list[dict[str, Any]]:
        found = [campaign.as_dict() for campaign in self.context.handle.status(name).campaigns]
        for known in found:
            if known["state"] == "running" and known["campaign"] in self.context.progress:
                known["state"] = "waiting"  # it was this command that ran it
            if progress := self.context.progress.get(known["campaign"]):
                known["sent_now"] = progress.sent_now
        return found

    def _sent_now(self) -> list[dict[str, Any]]:
        """The campaigns that this command sends, by its own counts."""
        return [progress.as_object(name) for name, progress in self.context.progress.items()]


def _within(seconds: float, look: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What `look` finds; nothing where it takes longer than `seconds`, or the ledger cannot be read."""
    found: list[dict[str, Any]] = []

    def run() -> None:
        try:
            found.extend(look())
        except MailrunnerError:
            return

    looking = threading.Thread(target=run, name="answer", daemon=True)
    looking.start()
    looking.join(seconds)
    return found if not looking.is_alive() else []
