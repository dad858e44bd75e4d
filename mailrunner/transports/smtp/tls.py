"""TLS as mail needs it: verified, at least 1.2, and told in sentences."""

from __future__ import annotations

import ssl
from pathlib import Path

from mailrunner.errors import Problem, UserError

# OpenSSL's names for "the other end does not speak TLS at all" and "none that is new enough".
_PLAINTEXT = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
_OUTDATED = {
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "DH_KEY_TOO_SMALL",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
}


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts `ca_file` instead of, or without it just, the system's authorities.

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


def refusal(error: ssl.SSLError, host: str, port: int) -> str | None:
    """Say why trying again cannot help; None where the handshake was merely interrupted."""
    where = f"{host} port {port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {where} is not to be trusted: {error.verify_message}; nothing was sent: "
            "check `host`, this machine's clock, and `ca_file` if the server has an authority of its own"
        )
    if error.reason in _PLAINTEXT:
        return f'{where} does not speak TLS from the start: check `port`, or set tls = "starttls"'
    if error.reason in _OUTDATED:
        return f"{where} offers no TLS that is safe (1.2 or later): ask whoever runs it"
    return None
