"""What goes wrong at the server while processes are killed."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Do, Rule, accept_then_cut, cut, reply

FAULTS = ("none", "slow", "cuts before the dot", "cuts after the dot", "4xx", "5xx", "421", "all of it")


class Faults:
    """The rules of one fault, struck at random; `doubtful` counts the recipients left without an answer."""

    def __init__(self, name: str, *, messages: int, random: Random) -> None:
        self.doubtful: Counter[str] = Counter()
        self._messages, self._random = messages, random
        some = {
            "none": (),
            "slow": (self._some("eod", _think(0.03), share=0.3), self._some("rcpt", _think(0.01), share=0.2)),
            # What is written before the cut is seen may hold the dot, and a chunk follows its command at
            # once: the client cannot know.
            "cuts before the dot": (
                self._some("mail", cut()),
                self._some("data", self._noted(cut(reset=True), where="CHUNKING")),
                self._some("body", self._noted(cut())),
            ),
            "cuts after the dot": (
                self._some("eod", self._noted(accept_then_cut())),
                self._some("eod", self._noted(cut())),
                self._some("eod", self._noted(accept_then_cut(reset=True))),
            ),
            "4xx": (
                self._some("rcpt", reply(450, "4.2.0 greylisted, try again later")),
                self._some("eod", reply(451, "4.3.0 local error in processing")),
            ),
            "5xx": (
                self._some("rcpt", reply(550, "5.1.1 no such user here")),
                self._some("eod", reply(550, "5.2.1 mailbox disabled")),
            ),
            "421": (self._some("mail", reply(421, "4.3.2 closing for a moment")),),
        }
        self.rules: tuple[Rule, ...] = some.get(name) or sum((some[each] for each in FAULTS[1:-1]), ())
        if name == "none":
            self.rules = ()

    def _some(self, stage: str, do: Do, share: float = 0.08) -> Rule:
        """Strike a share of the times that `stage` is reached."""
        times = range(1, 3 * self._messages)
        return Rule(stage, do, nth=frozenset(self._random.sample(times, int(share * len(times)))))

    def _noted(self, do: Do, where: str = "") -> Do:
        """Note who may be in doubt, with servers that announce the extension `where`."""

        def noted(dialogue: Dialogue) -> Answer | None:
            if not where or where in dialogue.server.extensions:
                self.doubtful.update(dialogue.recipients)
            return do(dialogue)

        return noted


def _think(seconds: float) -> Do:
    def do(dialogue: Dialogue) -> Answer | None:
        dialogue.server.stopping.wait(seconds)
        return None

    return do
