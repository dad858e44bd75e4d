"""Breakage: features that a message uses and mail programs of the list's recipients do not know.

    for each in lacking_support(message.html, index.domains):
        each.kind, each.effect, each.programs, each.recipients

css_features, html_features   which features a message uses, by tokens and elements
support_table                 the data of Can I email, and what of it a reader notices
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailrunner.preview.client_support.html_features import features_of
from mailrunner.preview.client_support.support_table import Feature, MailProgram, support_table


@dataclass(frozen=True, slots=True)
class LackingSupport:
    """A feature that some of the list's mail programs do not know.

    `effect` is what a reader then sees, `breaks` is false where the message is only less pretty.  `uses`
    counts it in the message, `recipients` those whose address is at one of the `programs` that have domains.
    `notes` are what Can I email says of programs that know it in part.
    """

    feature: str
    effect: str
    breaks: bool
    uses: int
    programs: tuple[str, ...]
    recipients: int
    notes: tuple[str, ...]


def lacking_support(html: str, domains: Mapping[str, int]) -> list[LackingSupport]:
    """What breaks first, in the order of the recipients that it concerns.

    `domains` are those of the list with their recipients: programs that only read mailboxes of other domains
    do not count.
    """
    table, uses = support_table(), features_of(html)
    programs = list(_programs(domains))
    found = [
        lacking
        for effects, breaks in ((table.breaks, True), (table.fades, False))
        for slug, effect in effects.items()
        if slug in uses and (lacking := _lacking(table.features[slug], effect, breaks, uses[slug], programs))
    ]
    return sorted(found, key=lambda each: (not each.breaks, -each.recipients, -len(each.programs)))


def _programs(domains: Mapping[str, int]) -> Iterator[tuple[MailProgram, int]]:
    """The mail programs of a list, each with the recipients that are known to use it."""
    for program in support_table().programs:
        readers = sum(number for domain, number in domains.items() if program.reads(domain))
        if readers or not program.domains:
            yield program, readers


def _lacking(
    feature: Feature, effect: str, breaks: bool, uses: int, programs: list[tuple[MailProgram, int]]
) -> LackingSupport | None:
    lacking = {program: name for program, _ in programs if (name := feature.lacking(program))}
    if not lacking:
        return None
    partly = (client for program, _ in programs for client in program.clients if client in feature.notes)
    return LackingSupport(
        feature=feature.title,
        effect=effect,
        breaks=breaks,
        uses=uses,
        programs=tuple(lacking.values()),
        recipients=sum(readers for program, readers in programs if program in lacking),
        notes=tuple(dict.fromkeys(note for client in partly for note in feature.notes[client])),
    )
