"""Fake authorization servers on loopback: Google's and Microsoft's endpoints, their rules and their faults.

    with OAuthServer() as server:
        settings = server.settings("microsoft", user="ana@club.org")
        ...
    assert server.refreshes == 1

`user` plays the one at the browser: what `authorize` answers is decided by `consent`.  A deed in `faults`
is done once, by the path's last word, in place of the answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import SecretStr

from mailrunner.config.oauth import OAuthSettings
from mailrunner.config.oauth_table import Flow
from tests.support.patience import PATIENCE

CANARY = "canary7f3a"  # in every secret: no output may hold it
CLIENT_SECRET = f"client-secret-{CANARY}"
GOOGLE_MAIL = "https://mail.google.com/"

Answer = tuple[int, Any]  # a status, and a JSON value or the octets of a body
Fault = Callable[["_Handler"], Answer | None]


def error(code: str, description: str = "", status: int = 400) -> Answer:
    """An error of RFC 6749 §5.2."""
    return status, {"error": code, "error_description": description}


@dataclass
class OAuthServer:
    """Listens from `with` to its end; everything that it was asked is in `forms`."""

    user: str = "ana@club.org"
    consent: Literal["allow", "deny", "forge"] = "allow"
    expires_in: float = 3600
    refresh_token_expires_in: float | None = None
    service_key: Any = None  # a public key of cryptography's
    interval: int = 5  # seconds between a device's questions
    device: list[str] = field(default_factory=list)  # errors before the device's user has agreed
    faults: dict[str, list[Fault | Answer]] = field(default_factory=dict)
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)  # the user of each valid access token
    refresh: dict[str, str] = field(default_factory=dict)  # the user of each valid refresh token
    refreshes: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _guard: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(
        self,
        provider: Literal["google", "microsoft"] = "google",
        *,
        flow: Flow = "browser",
        refresh_token: str = "",
        key_file: Path | None = None,
        account: str = "club",
    ) -> OAuthSettings:
        """A grant for this server."""
        return OAuthSettings(
            account=account,
            provider=provider,
            flow=flow,
            user=self.user,
            client_id="client-1",
            client_secret=SecretStr(CLIENT_SECRET)
            if provider == "google" or flow == "client-credentials"
            else None,
            tenant="organizations",
            refresh_token=SecretStr(refresh_token) if refresh_token else None,
            key_file=key_file,
            url=self.url,
            is_personal=False,
        )

    def table(self, provider: str) -> str:
        """The keys of [accounts.X.oauth] for this server."""
        secret = f'client_secret = "{CLIENT_SECRET}"\n' if provider == "google" else ""
        return f'client_id = "client-1"\nurl = "{self.url}"\n{secret}'

    def is_valid(self, user: str, token: str) -> bool:
        """What a mail server is told of a token."""
        return self.access.get(token) == user

    def new_refresh_token(self) -> str:
        """A refresh token of the user."""
        token = f"refresh-{CANARY}-{secrets.token_hex(8)}"
        self.refresh[token] = self.user
        return token

    def revoke_all(self) -> None:
        """What a user does on the provider's page, or with a new password."""
        self.refresh.clear()
        self.access.clear()

    # -- The endpoints

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent to (RFC 6749 §4.1.2)."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code, state = f"code-{CANARY}-{secrets.token_hex(8)}", asked["state"]
        self._codes[code] = asked
        if self.consent == "forge":
            state = "another"
        answer = {"code": code} if self.consent != "deny" else {"error": "access_denied"}
        return f"{asked['redirect_uri']}/?{urlencode({**answer, 'state': state})}"

    def token(self, form: dict[str, str], *, rotates: bool) -> Answer:
        """The token endpoint."""
        grants: dict[str, Callable[[dict[str, str]], Answer | str]] = {
            "authorization_code": self._code,
            "refresh_token": self._refresh,
            "urn:ietf:params:oauth:grant-type:device_code": self._device,
            "client_credentials": self._client_credentials,
            "urn:ietf:params:oauth:grant-type:jwt-bearer": self._assertion,
        }
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            assert form["client_id"] == "client-1"
        with self._guard:
            found = grants[form["grant_type"]](form)
            if not isinstance(found, str):
                return found
            attended = form["grant_type"] not in (
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            )
            is_first = form["grant_type"] != "refresh_token"
            if rotates and not is_first:
                self.refresh.pop(form["refresh_token"])  # harsher than Microsoft, which lets the old one live
            return self._tokens(found, new_refresh=attended and (is_first or rotates))

    def _tokens(self, user: str, *, new_refresh: bool) -> Answer:
        value = f"access-{CANARY}-{secrets.token_hex(8)}"
        self.access[value] = user
        answer: dict[str, Any] = {
            "access_token": value,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "id_token": _id_token({"email": self.user}),
        }
        if new_refresh:
            answer["refresh_token"] = self.new_refresh_token()
        if self.refresh_token_expires_in:
            answer["refresh_token_expires_in"] = self.refresh_token_expires_in
        return 200, answer

    def _code(self, form: dict[str, str]) -> Answer | str:
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return error("invalid_grant", "Bad Request")
        return self.user

    def _refresh(self, form: dict[str, str]) -> Answer | str:
        self.refreshes += 1
        user = self.refresh.get(form["refresh_token"])
        told = f"AADSTS700082: not used for long {form['refresh_token']}. Trace ID: 1a2b-3c"
        return user or error("invalid_grant", told)

    def _device(self, form: dict[str, str]) -> Answer | str:
        assert form["device_code"] == f"device-{CANARY}"
        return error(self.device.pop(0)) if self.device else self.user

    def _client_credentials(self, form: dict[str, str]) -> Answer | str:
        if form.get("client_secret") != CLIENT_SECRET:
            return error(
                "invalid_client", f"AADSTS7000215: Invalid client secret {form.get('client_secret')}", 401
            )
        assert form["scope"].endswith("/.default")
        return self.user

    def _assertion(self, form: dict[str, str]) -> Answer | str:
        from joserfc import jwt
        from joserfc.jwk import RSAKey

        claims = jwt.decode(form["assertion"], RSAKey.import_key(self.service_key)).claims
        assert claims["scope"] == GOOGLE_MAIL
        return str(claims["sub"]) if claims["sub"] == self.user else error("unauthorized_client", "", 401)

    def begin_device(self) -> Answer:
        """The device authorization endpoint (RFC 8628 §3.2)."""
        return 200, {
            "user_code": "ABCD-EFGH",
            "verification_uri": "https://microsoft.com/devicelogin",
            "device_code": f"device-{CANARY}",
            "interval": self.interval,
            "expires_in": 900,
        }

    def revoke(self, form: dict[str, str]) -> Answer:
        """Google's revocation endpoint."""
        return (200, {}) if self.refresh.pop(form["token"], None) else error("invalid_token")

    def introspect(self, token: str) -> Answer:
        """RFC 7662, for mail servers."""
        user = self.access.get(token)
        return 200, {"active": True, "username": user, "scope": "mail"} if user else {"active": False}


def browser(url: str) -> int:
    """Open a page as a browser does, following what it is redirected to; return the last status."""
    import httpx

    return httpx.get(url, follow_redirects=True, timeout=PATIENCE).status_code


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: OAuthServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """The pages, and the introspection of mail servers."""
        url = urlsplit(self.path)
        asked = {key: each[0] for key, each in parse_qs(url.query).items()}
        if "authorize" in url.path or url.path.endswith("/auth"):
            self.send_response(302)
            self.send_header("Location", self.server.owner.authorize(asked))
            self.end_headers()
        elif url.path == "/introspect":
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._say(self.server.owner.introspect(asked.get("token") or bearer))
        else:
            self._say((404, {}))

    def do_POST(self) -> None:
        octets = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = {key: each[0] for key, each in parse_qs(octets.decode()).items()}
        owner, path = self.server.owner, urlsplit(self.path).path
        word = path.rpartition("/")[2]
        owner.forms.append((path, form))
        if owner.faults.get(word):
            fault = owner.faults[word].pop(0)
            answer: Answer | None = fault(self) if callable(fault) else fault
        elif word == "token":
            answer = owner.token(form, rotates="/oauth2/v2.0/" in path)
        else:
            answer = owner.revoke(form) if word == "revoke" else owner.begin_device()
        if answer is not None:
            self._say(answer)

    def _say(self, answer: Answer) -> None:
        status, value = answer
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """A test says what it needs."""


def _id_token(claims: dict[str, str]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join((*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "x"))
