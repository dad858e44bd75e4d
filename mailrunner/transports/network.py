"""TCP connections and TLS to a mail server, and a sentence for each way in which they fail.

Used for SMTP and for IMAP: all addresses of a host are tried in turn, certificates are always verified.
"""

from __future__ import annotations

import errno
import math
import socket
import ssl
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

from mailrunner.errors import Problem, UserError

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

LOOK_UP = 20.0  # seconds for a name: two servers that are silent, as resolvers ask them twice for five
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
# OpenSSL's names for "the other end does not speak TLS at all" and "none that is new enough".
PLAINTEXT = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
_OUTDATED = {
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "DH_KEY_TOO_SMALL",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
}


class SilentNameServersError(socket.gaierror):
    """The system's resolver did not answer in time."""


def resolve(host: str, port: int, *, seconds: float = LOOK_UP) -> list[Address]:
    """Look `host` up afresh, as providers move; raise `socket.gaierror` where it has no address.

    The system's resolver knows no deadline and cannot be interrupted, so it is asked by a thread that is
    left to itself after `seconds`: SilentNameServersError, of the kind that passes (EAI_AGAIN).
    """
    answer: SimpleQueue[list[Address] | Exception] = SimpleQueue()
    threading.Thread(target=_ask_resolver, args=(host, port, answer), name="look-up", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        raise SilentNameServersError(
            socket.EAI_AGAIN, f"the name servers did not answer within {seconds:g} s"
        ) from None
    if isinstance(found, Exception):
        raise found
    return found


def _ask_resolver(host: str, port: int, answer: SimpleQueue[list[Address] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or longer than 63
        answer.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))
    except Exception as error:  # whatever it is, it is raised where the answer is awaited
        answer.put(error)
    else:
        answer.put([(family, sockaddr) for family, _, _, _, sockaddr in found])


def connect(addresses: list[Address], timeout: float, *, until: float = math.inf) -> socket.socket:
    """Return a connection to the first address that answers within `timeout` seconds each.

    No further address is tried after `until`, an instant of `time.monotonic`.  Raises the OSError of the
    last one that was.
    """
    failure: OSError | None = None
    for family, sockaddr in addresses:
        if failure and time.monotonic() >= until:
            break
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(sockaddr)
        except OSError as error:
            sock.close()
            failure = error
        else:
            # A command or the final dot must not wait for the acknowledgement of what went before.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure or OSError("the name has no address")


def literal(sock: socket.socket) -> str:
    """This end's address literal for EHLO (RFC 5321 §4.1.3): no look-up that could be slow or wrong."""
    address = sock.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def explain(error: OSError, host: str, port: int) -> str:
    """A sentence that tells why `host` could not be reached, and what to check."""
    where = f"{host} port {port}"
    if isinstance(error, socket.gaierror):
        return _no_address(error, host)
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refused the connection: check `host` and `port`, and that the server is running"
    if isinstance(error, TimeoutError):
        return f"{where} did not answer: a firewall may hold outgoing mail back{_port_25(port)}"
    if error.errno in _UNREACHABLE:
        return f"there is no way to {where} from here: is this machine online?"
    return f"{where} could not be reached: {error.strerror or error}"


def _no_address(error: socket.gaierror, host: str) -> str:
    if isinstance(error, SilentNameServersError):
        return f'the name "{host}" could not be looked up: {error.strerror}; is this machine online?'
    if error.errno == socket.EAI_AGAIN:
        return f'the name "{host}" could not be looked up just now: is this machine online?'
    return f'the name "{host}" was not found: check `host`, and that this machine is online'


def _port_25(port: int) -> str:
    return "; many networks block port 25, so try 587 or 465" if port == 25 else ""


# -- TLS


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or later that trusts `ca_file`, or the system's authorities without one.

    Raises UserError where the file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else "cannot be read"
        raise UserError(
            Problem(f"{ca_file} {reason}", key="ca_file", hint="name the authority's PEM file")
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_refusal(error: ssl.SSLError, host: str, port: int) -> str | None:
    """The reason why another TLS handshake cannot succeed; None where this one was merely interrupted."""
    where = f"{host} port {port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {where} is not to be trusted: {error.verify_message}; nothing was sent: "
            "check `host`, this machine's clock, and `ca_file` if the server has an authority of its own"
        )
    if error.reason in PLAINTEXT:
        return f'{where} does not speak TLS from the start: check `port`, or set tls = "starttls"'
    if error.reason in _OUTDATED:
        return f"{where} offers no TLS that is safe (1.2 or later): ask whoever runs it"
    return None
