"""Requests to Amazon SES, held against Amazon's own signer and service model."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from mailrunner.rendering.message_pieces import MessagePieces
from mailrunner.transports.apis import ApiSettings
from mailrunner.transports.apis.bearer import FixedBearer
from mailrunner.transports.apis.ses import SesApi
from mailrunner.transports.http_request import HttpAnswer, HttpRequest
from tests.transports.http.test_transport import message

NOW = datetime(2026, 11, 26, 12, 30, 15, tzinfo=UTC)
HOST = "email.eu-west-1.amazonaws.com"


def made(session: str = "", stream: str = "") -> SesApi:
    bearer = FixedBearer("AKIDEXAMPLE")
    return SesApi(
        ApiSettings(
            url=f"https://{HOST}",
            bearer=bearer,
            secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session=session,
            region="eu-west-1",
            stream=stream,
        )
    )


def theirs(request: HttpRequest, session: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What botocore would sign the same request with."""

    moment = NOW.replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)
    own = AWSRequest(
        request.method,
        f"https://{HOST}{request.target}",
        data=b"".join(request.pieces()),
        headers={"Content-Type": "application/json"},
    )
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", session or None)
    botocore.auth.SigV4Auth(credentials, "ses", "eu-west-1").add_auth(own)
    return str(own.headers["Authorization"])


@pytest.mark.parametrize("session", ["", "session-token"])
@pytest.mark.parametrize("way", ["send", "quota"])
def test_the_signature_is_amazons(session: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    api = made(session)
    pieces = MessagePieces(message(200_000))
    request = api.request(pieces, NOW) if way == "send" else api.quota_request(NOW)
    assert dict(request.headers)["Authorization"] == theirs(request, session, monkeypatch)


def test_the_request_fits_amazons_service_model() -> None:
    request = made(stream="news").request(MessagePieces(message()), NOW)
    value = json.loads(b"".join(request.pieces()))
    model = ServiceModel(Loader().load_service_model("sesv2", "service-2"), "sesv2")
    operation = model.operation_model("SendEmail")
    assert operation.http["requestUri"] == request.target
    report = ParamValidator().validate(value, operation.input_shape)
    assert not report.has_errors(), report.generate_report()
    unknown = set(value) - set(operation.input_shape.members)
    assert unknown == set()


def test_the_errors_are_named_as_the_model_names_them() -> None:
    model = ServiceModel(Loader().load_service_model("sesv2", "service-2"), "sesv2")
    names = [shape.name for shape in model.operation_model("SendEmail").error_shapes]
    assert "SendingPausedException" in names
    for name in names:
        answer = HttpAnswer(400, {"x-amzn-errortype": f"{name}:http://x/"}, b'{"message": "no"}')
        assert made().read(answer)[:3] == (False, name, "no")
        in_body = HttpAnswer(400, {}, json.dumps({"__type": f"com.amazonaws#{name}"}).encode())
        assert made().read(in_body).name == name
