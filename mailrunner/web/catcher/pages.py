"""The pages of the catcher: everything is a GET with a query, or a form; no script."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import FunctionLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mailrunner.preview.safe_html import POLICY, SANDBOX, shown
from mailrunner.web.catcher.messages import GROUPS, Caught, CaughtMessages
from mailrunner.web.catcher.one_click import loopback_link, try_one_click
from mailrunner.web.catcher.view import MessageParts
from mailrunner.web.gate.loopback import LoopbackGate
from mailrunner.web.page_environment import page_environment

_LONGEST_TEXT = 200_000  # characters


class CatcherPages:
    """The application over what was caught; `address` is that of the SMTP server, in words."""

    def __init__(self, messages: CaughtMessages, *, address: str) -> None:
        self._messages, self._address = messages, address
        self._templates = page_environment(FunctionLoader(_resource))

    def application(self, *, port: int) -> LoopbackGate:
        """The whole site, for a listener on loopback at `port`."""
        return LoopbackGate(
            Starlette(
                routes=[
                    Route("/", self._list),
                    Route("/catcher.css", _css),
                    Route("/messages.json", self._json),
                    Route("/messages", self._delete, methods=["DELETE"]),
                    Route("/empty", self._empty, methods=["POST"]),
                    Route("/m/{no:int}", self._message),
                    Route("/m/{no:int}/frame", self._frame),
                    Route("/m/{no:int}.eml", self._eml),
                    Route("/m/{no:int}/one-click", self._one_click, methods=["POST"]),
                ]
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
        return self._shown(caught, data, answer="")

    def _shown(self, caught: Caught, data: bytes, *, answer: str) -> Response:
        parts = MessageParts.of(data)
        return self._page(
            "message.html",
            one=caught,
            parts=parts,
            text=parts.text[:_LONGEST_TEXT],
            link=loopback_link(parts),
            answer=answer,
            sandbox=SANDBOX,
        )

    def _frame(self, request: Request) -> Response:
        parts = MessageParts.of(self._found(request)[1])
        return HTMLResponse(shown(parts.html), headers={"content-security-policy": POLICY})

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
        return await run_in_threadpool(self._shown, caught, data, answer=answer)

    def _found(self, request: Request) -> tuple[Caught, bytes]:
        number = request.path_params["no"]
        found = self._messages.message(number) if number < 1 << 62 else None
        if found is None:
            raise HTTPException(404)
        return found

    def _page(self, name: str, **values: Any) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(address=self._address, **values))


def _css(request: Request) -> Response:
    return Response(_resource("catcher.css"), media_type="text/css")


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
