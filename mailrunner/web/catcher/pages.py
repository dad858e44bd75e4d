"""The pages of the catcher: everything is a GET with a query, or a form; no script."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, FunctionLoader, PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mailrunner.model.number_and_noun import counted
from mailrunner.preview.appearance import Weight, clipped
from mailrunner.preview.header_fields import header_fields
from mailrunner.preview.safe_html import SANDBOX
from mailrunner.web.catcher.messages import GROUPS, Caught, CaughtMessages
from mailrunner.web.catcher.one_click import loopback_link, try_one_click
from mailrunner.web.catcher.view import MessageParts
from mailrunner.web.gallery.message_page import MESSAGE_FILTERS, Look, framed
from mailrunner.web.gate.loopback import LoopbackGate
from mailrunner.web.page_environment import page_environment

_STYLES = {
    "dashboard.css": ("mailrunner.web.dashboard", "static/dashboard.css"),
    "gallery.css": ("mailrunner.web.gallery", "static/gallery.css"),
    "catcher.css": ("mailrunner.web.catcher", "catcher.css"),
}


class CatcherPages:
    """The application over what was caught; `address` is that of the SMTP server, in words."""

    def __init__(self, messages: CaughtMessages, *, address: str) -> None:
        self._messages, self._address = messages, address
        self._templates = page_environment(
            ChoiceLoader([FunctionLoader(_template), PackageLoader("mailrunner.web.gallery")])
        )
        self._templates.filters |= MESSAGE_FILTERS
        self._templates.globals["counted"] = counted

    def application(self, *, port: int) -> LoopbackGate:
        """The whole site, for a listener on loopback at `port`."""
        return LoopbackGate(
            Starlette(
                routes=[
                    Route("/", self._list),
                    Route("/static/{name}", _static),
                    Route("/messages.json", self._json),
                    Route("/messages", self._delete, methods=["DELETE"]),
                    Route("/empty", self._empty, methods=["POST"]),
                    Route("/m/{no:int}", self._message),
                    Route("/m/{no:int}/frame", self._frame),
                    Route("/m/{no:int}.eml", self._eml),
                    Route("/m/{no:int}/one-click", self._one_click, methods=["POST"]),
                ],
                exception_handlers={404: self._missing},
            ),
            port=port,
        )

    def _list(self, request: Request) -> Response:
        query = request.query_params
        group = query.get("by", "") if query.get("by", "") in GROUPS else ""
        asked: dict[str, Any] = {"find": query.get("q", ""), "twice": "problems" in query}
        if "is" in query:
            asked |= {"group": group, "value": query["is"]}
        found = self._messages.listed(**asked)
        everything = self._messages.listed()
        return self._page(
            "list.html",
            found=found,
            number=len(everything),
            problems=sum(one.twice or bool(one.answer) for one in everything),
            q=asked["find"],
            by=group,
            groups=self._messages.groups(group) if group and "is" not in query else [],
            value=query.get("is", ""),
            only_problems=asked["twice"],
        )

    def _message(self, request: Request) -> Response:
        caught, data = self._found(request)
        return self._shown(request, caught, data, answer="")

    def _shown(self, request: Request, caught: Caught, data: bytes, *, answer: str) -> Response:
        parts = MessageParts.of(data)
        return self._page(
            "message.html",
            one=caught,
            parts=parts,
            look=Look.of(request.query_params),
            weight=Weight.of(parts.html) if parts.html else None,
            headers=header_fields(data),
            source=data.decode("utf-8", "replace").replace("\r\n", "\n"),
            link=loopback_link(parts),
            answer=answer,
            sandbox=SANDBOX,
        )

    def _frame(self, request: Request) -> Response:
        parts, chosen = MessageParts.of(self._found(request)[1]), Look.of(request.query_params).chosen
        sent = clipped(parts.html) if chosen["length"] == "cut" else parts.html
        html, policy = framed(parts.with_images(sent), chosen)
        return HTMLResponse(html, headers={"content-security-policy": policy})

    def _eml(self, request: Request) -> Response:
        caught, data = self._found(request)
        headers = {"content-disposition": f'attachment; filename="{caught.no:06}.eml"'}
        return Response(data, media_type="message/rfc822", headers=headers)

    def _json(self, request: Request) -> Response:
        to = request.query_params.get("to")
        asked: dict[str, Any] = {} if to is None else {"group": "recipient", "value": to}
        return JSONResponse({"messages": [one._asdict() for one in self._messages.listed(**asked)]})

    def _delete(self, request: Request) -> Response:
        self._messages.empty()
        return Response(status_code=204)

    def _empty(self, request: Request) -> Response:
        self._messages.empty()
        return RedirectResponse("/", 303)

    async def _one_click(self, request: Request) -> Response:
        caught, data = self._found(request)
        link = loopback_link(MessageParts.of(data))
        if not link:
            raise HTTPException(404)
        answer = await run_in_threadpool(try_one_click, link)
        return await run_in_threadpool(self._shown, request, caught, data, answer=answer)

    def _found(self, request: Request) -> tuple[Caught, bytes]:
        number = request.path_params["no"]
        found = self._messages.message(number) if number < 1 << 62 else None
        if found is None:
            raise HTTPException(404)
        return found

    def _missing(self, _request: Request, _error: Exception) -> Response:
        return self._page("missing.html", status=404)

    def _page(self, name: str, *, status: int = 200, **values: Any) -> Response:
        page = self._templates.get_template(name).render(address=self._address, **values)
        return HTMLResponse(page, status)


def _static(request: Request) -> Response:
    package, place = _STYLES.get(request.path_params["name"], ("", ""))
    if not package:
        raise HTTPException(404)
    return Response(files(package).joinpath(place).read_bytes(), media_type="text/css")


def _template(name: str) -> str | None:
    own = files(__package__).joinpath(name)
    return own.read_text("utf-8") if own.is_file() else None
