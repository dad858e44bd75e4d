"""DMARC of a domain (RFC 9989): its record, or that of the nearest domain above it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailrunner.sending.doctor.dns_lookup import Ask, DnsState

_MOST_QUESTIONS = 8  # RFC 9989, the DNS tree walk


@dataclass(frozen=True, slots=True)
class DmarcFound:
    """`at` is the domain that has the record ("" for none); `tags` are in lower case, each once."""

    at: str = ""
    text: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    records: int = 0
    is_unanswered: bool = False

    def policy(self, domain: str) -> str:
        """The policy for `domain`: p, or sp below the domain that has the record."""
        own = self.tags.get("p", "none")
        return (own if domain == self.at else self.tags.get("sp", own)).casefold()


def examine(domain: str, ask: Ask) -> DmarcFound:
    """Walk up from `domain` until a record is found."""
    for name in _above(domain):
        answer = ask(f"_dmarc.{name}", "TXT")
        if answer.state is DnsState.UNANSWERED:
            return DmarcFound(is_unanswered=True)
        records = [text for text in answer.values if text.replace(" ", "").casefold().startswith("v=dmarc1")]
        if records:
            return DmarcFound(at=name, text=records[0], tags=_tags(records[0]), records=len(records))
    return DmarcFound()


def _above(domain: str) -> list[str]:
    """The domain and those above it, without the top-level one; at most eight."""
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]
    return names[:1] + names[1:][-(_MOST_QUESTIONS - 1) :]


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().casefold(): value.strip() for name, _, value in pairs if value}
