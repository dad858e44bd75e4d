"""Variants of a campaign: which of them a recipient gets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

_PART = re.compile(r"\[variants\.([\w-]+)\] subject")


def variant_of(key: str, names: Sequence[str], campaign_id: str) -> str:
    """The variant of the recipient with this key; "" where there are no variants.

    Each name draws a number from a hash of itself, the campaign and the key, and the highest wins (rendezvous
    hashing, Thaler and Ravishankar 1998): about as many recipients for each, the same at every attempt and
    on every machine, others in another campaign, and a variant more takes from each of the others alike.
    """
    return max(names, key=lambda name: _drawn(name, key, campaign_id), default="")


def names_in(parts: Iterable[str]) -> tuple[str, ...]:
    """The names of the variants among the parts of a stored content ("[variants.a] subject")."""
    return tuple(sorted(found[1] for part in parts if (found := _PART.fullmatch(part))))


def _drawn(name: str, key: str, campaign_id: str) -> bytes:
    text = "\0".join((campaign_id, key, name))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
