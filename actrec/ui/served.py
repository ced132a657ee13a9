"""What every request meets before Streamlit: which names the server answers to, who may ask, and what a browser is told about the pages.

Streamlit checks the Host of its WebSocket alone (`server.allowedHosts`), lets every page of this machine connect, and sends none of these headers.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from threading import Thread
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def warm() -> None:
    """Begin to load torch while the server starts and the browser opens: every first answer waits for it."""
    Thread(target=importlib.import_module, args=("torch",), daemon=True).start()


POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Streamlit's first page; plotly's 3-D charts; our parts come as blobs
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
"""Where a page may load from, and who may frame it: this server alone."""

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """Refuses requests for another host or from another origin, and adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        why = refusal(asked.get("host", ""), asked.get("origin"), st.get_option("server.allowedHosts"), st.get_option("server.corsAllowedOrigins"))
        if why:
            await PlainTextResponse(why, 403)(scope, receive, send)
            return

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, say)


def refusal(host: str, origin: str | None, hosts: Sequence[str], origins: Sequence[str]) -> str:
    """Why a request is not answered; "" for one that is.

    hosts: the names this server answers to ("lab.example.org", "*.example.org", "*" for all); none: all.  origins: further ones that may ask.
    """
    name = re.sub(r":\d+$", "", host).strip("[]").lower().rstrip(".")
    if hosts and not any(name == one.lower() or one == "*" or (one.startswith("*.") and name.endswith(one[1:].lower())) for one in hosts):
        return "This server does not answer to this name. If it should, add it to server.allowedHosts."
    if origin is not None and urlsplit(origin).netloc != host and origin not in origins:
        return "Pages of another origin may not ask this server. If they may, add their origin to server.corsAllowedOrigins."
    return ""


GUARD = [Middleware(Guard)]
