"""DMARC of a domain by the DNS tree walk (RFC 9989): its record, its organizational domain, alignment."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailrunner.sending.doctor.dns_lookup import Ask, DnsState

_MOST_QUESTIONS = 8  # RFC 9989, the DNS tree walk
_WEAKER = {"reject": "quarantine", "quarantine": "none", "none": "none"}


@dataclass(frozen=True, slots=True)
class DmarcFound:
    """`at` is the domain whose record counts ("" for none), `tags` are its own, names in lower case.

    `organization` is the organizational domain; `doubled` are domains with several records, which count
    as none.
    """

    at: str = ""
    text: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    organization: str = ""
    doubled: tuple[str, ...] = ()
    is_unanswered: bool = False

    def policy(self, domain: str) -> str:
        """The policy for `domain`: p, or sp below the domain of the record; t=y makes it one step weaker."""
        own = self.tags.get("p", "none")
        policy = (own if domain == self.at else self.tags.get("sp", own)).casefold()
        return _WEAKER.get(policy, policy) if self.is_testing else policy

    @property
    def is_testing(self) -> bool:
        """True where the owner asks receivers to go easy (t=y)."""
        return self.tags.get("t", "").casefold() == "y"


def examine(domain: str, ask: Ask) -> DmarcFound:
    """Walk up from `domain`; the record at the domain itself counts, else that of its organization."""
    records: dict[str, str] = {}
    doubled: list[str] = []
    for name in _walk(domain):
        answer = ask(f"_dmarc.{name}", "TXT")
        if answer.state is DnsState.UNANSWERED:
            return DmarcFound(is_unanswered=True)
        found = [text for text in answer.values if text.replace(" ", "").casefold().startswith("v=dmarc1")]
        if len(found) > 1:
            doubled.append(name)
        elif found:
            records[name] = found[0]
            if _psd(found[0]) in ("y", "n"):
                break
    organization = _organization(domain, records)
    at = next((name for name in (domain, organization, *records) if name in records), "")
    text = records.get(at, "")
    return DmarcFound(at, text, _tags(text), organization, tuple(doubled))


def is_aligned(signer: str, domain: str, ask: Ask, *, strict: bool) -> bool | None:
    """Whether a signer's domain agrees with that of From; None where no name server answered."""
    if signer == domain or strict:
        return signer == domain
    own, other = examine(signer, ask), examine(domain, ask)
    if own.is_unanswered or other.is_unanswered:
        return None
    return own.organization == other.organization


def _walk(domain: str) -> list[str]:
    """The domain, then those above it from seven labels down to one."""
    labels = domain.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels))]
    return [domain, *above[-(_MOST_QUESTIONS - 1) :]]


def _organization(domain: str, records: dict[str, str]) -> str:
    """The domain that owns `domain`, by the records that the walk found."""
    for name, text in records.items():
        if _psd(text) == "n":
            return name
        if _psd(text) == "y" and name != domain:
            below = domain.removesuffix(f".{name}").rpartition(".")[2]
            return f"{below}.{name}"
    return min(records, key=lambda name: name.count("."), default=domain)


def _psd(record: str) -> str:
    return _tags(record).get("psd", "u").casefold()


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().casefold(): value.strip() for name, _, value in pairs if value}
