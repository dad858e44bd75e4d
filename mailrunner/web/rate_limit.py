"""Token buckets: the rate limit of each client.  In memory and bounded; pure, the time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """A bucket for each client: `burst` requests at once, then `rate` a second.

    At most `clients` buckets are kept; the least recently used one is dropped.
    """

    def __init__(self, *, rate: float, burst: float, clients: int = 10_000) -> None:
        self._rate, self._burst, self._clients = rate, burst, clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def admits(self, client: str, now: float) -> bool:
        """Take one token of `client` at `now` (seconds, any monotonic origin); False if none is left."""
        bucket = self._buckets.get(client) or _Bucket(self._burst, now)
        self._buckets[client] = bucket
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        gained = max(0.0, now - bucket.filled_at) * self._rate
        bucket.tokens, bucket.filled_at = min(self._burst, bucket.tokens + gained), now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def __len__(self) -> int:
        return len(self._buckets)


def client_key(host: str) -> str:
    """The key of a client: its IP address; of IPv6 the /64 network, which is one customer (RFC 6177)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
