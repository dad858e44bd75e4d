"""A row of the table of texts: what servers write, and what follows.

Patterns see lower-case text with single blanks and "@" for addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailrunner.model.outcome import Action, Stage

LATE = frozenset({Stage.RCPT, Stage.DATA, Stage.EOD})  # a recipient is known
WITH_CONTENT = frozenset({Stage.DATA, Stage.EOD})
ANY = frozenset(Stage)

TOO_BIG = "the message is too big"
TOO_MANY_RECIPIENTS = "the server counts too many recipients"
UNWRITABLE = "the server cannot take this address's letters"
CHOSEN_SENDERS = "this recipient takes mail from chosen senders only"
SEVERAL_REASONS = "the server gives several reasons and no certain one"
# What may fail a message and says nothing of whether the mailbox is alive.
NOT_THE_MAILBOX = frozenset({TOO_BIG, TOO_MANY_RECIPIENTS, UNWRITABLE, CHOSEN_SENDERS, SEVERAL_REASONS})


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table of texts: where it applies, and what follows.

    `classes` are first digits, "?" stands for codes that are neither 4xx nor 5xx.  `run` widens a
    retry to the whole run (None: the code decides), `counted` makes a stop wait for a second opinion.
    `plain` marks words that can only mean that the mailbox does not exist.  `codes` is a pattern that
    the enhanced code must match from its beginning.
    """

    action: Action
    says: str
    pattern: str  # compiled when it is first needed: most runs never see a refusal
    stages: frozenset[Stage]
    classes: str
    run: bool | None
    counted: bool
    plain: bool
    codes: str

    def applies(self, stage: Stage, family: str, enhanced: str, said: str) -> bool:
        return (
            stage in self.stages
            and family in self.classes
            and bool(re.match(self.codes, enhanced) and re.search(self.pattern, said))
        )


def row(
    action: Action,
    says: str,
    *patterns: str,
    stages: frozenset[Stage] = ANY - {Stage.AUTH},
    classes: str = "45",
    run: bool | None = False,
    counted: bool = False,
    plain: bool = False,
    codes: str = "",
) -> Rule:
    """A row with what most rows have: 4xx and 5xx at any stage but the login."""
    return Rule(action, says, "|".join(patterns), stages, classes, run, counted, plain, codes)


PERSON = (
    r"(?:user(?:name)?|mail[ -]?box|inbox|recipient|addressee|rcpt|(?<!ip )address|account|alias|customer|"
    r"local[ -]part|person|destination|mail[ -]?drop|subscriber|member|employee|student)(?:e?s)?"
)
