"""The events that hooks are told of, each once until something else happens to the campaign."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from mailrunner.store.private_file import make_folder, write


class HookKind(StrEnum):
    """Values of `event` in what hooks get."""

    STOPPED = "stopped"
    PAUSED = "paused"
    FINISHED = "finished"
    IN_DOUBT = "in_doubt"
    COMPLAINT_RATE = "complaint_rate"


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One event of a campaign; `status` is the campaign's object of `--json`, as far as it is known."""

    kind: HookKind
    campaign: str
    reason: str
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """One line for a chat or a subject."""
        return f"{self.campaign}: {self.kind.replace('_', ' ')}{f': {self.reason}' if self.reason else ''}"

    def as_json(self, time: str | None) -> str:
        """The object that a hook gets; `text` is the key that chats show."""
        known = {"event": self.kind, "time": time, "campaign": self.campaign, "reason": self.reason}
        return json.dumps({**known, "text": self.text, "status": dict(self.status)}, ensure_ascii=False)


class ToldEvents:
    """The event told last of each campaign, so that cron does not tell the same again every five minutes."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / ".mailrunner" / "told.json"

    def is_news(self, event: HookEvent, *, again: bool) -> bool:
        """True where something else was told of the campaign last, or `again`; it is noted then."""
        about = "complaints" if event.kind is HookKind.COMPLAINT_RATE else "state"
        mark = event.reason.split(",")[0] if about == "complaints" else event.kind.value
        known = self._read()
        told = known.setdefault(event.campaign, {})
        if told.get(about) == mark and not again:
            return False
        told[about] = mark
        with suppress(OSError):  # told twice is better than not at all
            make_folder(self._file.parent)
            write(self._file, json.dumps(known).encode())
        return True

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            known = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        sound = isinstance(known, dict) and all(isinstance(each, dict) for each in known.values())
        return known if sound else {}
