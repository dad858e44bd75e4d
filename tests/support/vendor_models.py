"""Requests as the vendors' own packages read them: what their models do not know is lost on the way through.

Amazon's service model (botocore), and the models of Mailtrap's and Resend's packages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


def through_vendor_model(preset: str, value: dict[str, Any]) -> Any:
    """The body of a request as the vendor's model gives it back: equal, or the model knows it otherwise.

    The errors are the packages' own.  Of other presets the value itself.
    """
    model = _MODELS.get(preset)
    return model(value) if model else value


@cache
def _amazons_shape() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("sesv2", "service-2"), "sesv2").operation_model(
        "SendEmail"
    )


def _of_amazon(value: dict[str, Any]) -> dict[str, Any]:
    from botocore.validate import ParamValidator

    shape = _amazons_shape().input_shape
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())
    return {key: item for key, item in value.items() if key in shape.members}


def _of_mailtrap(value: dict[str, Any]) -> Any:
    from mailtrap import Address, Attachment, Mail

    mail = dict(value)
    files = [
        Attachment(**{"mimetype" if key == "type" else key: item for key, item in each.items()})
        for each in mail.pop("attachments", [])
    ]
    made = Mail(
        sender=Address(**mail.pop("from")),
        to=[Address(**each) for each in mail.pop("to")],
        reply_to=Address(**mail.pop("reply_to")) if "reply_to" in mail else None,
        attachments=files or None,
        **mail,
    )
    return made.api_data


@cache
def _resends_params() -> Any:
    from pydantic import TypeAdapter
    from resend import Emails

    return TypeAdapter(Emails.SendParams)


def _of_resend(value: dict[str, Any]) -> Any:
    return _resends_params().validate_python(value, strict=True)


_MODELS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ses": _of_amazon,
    "mailtrap": _of_mailtrap,
    "resend": _of_resend,
}
