"""What every request passes before a route sees it: who asks, from where, how much, how long.

A page on the web that somebody has open can make the browser send requests to this machine. So the
Host header must name this server (a name that was rebound to 127.0.0.1 does not), nothing but our
own page may post, and answers say that they are for nobody else and run no other scripts.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byhand.app.problems import Problem
from byhand.checks import quoted

COOKIE = "byhand_token"
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/healthz",)  # needs no token, tells nothing
BODY = 40 * 2**20  # bytes of a request: a photograph of a large camera
BODY_SECONDS = 30.0  # in which a request's body must have come

# A name or an address of IPv4, or an address of IPv6 without a zone; and perhaps a port.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-cache",
}


class Guard:
    """Lets through what may come in, and puts safe headers on what goes out.

    Args:
        app: what is guarded.
        hosts: names by which this server may be called, besides addresses when `addresses`.
        addresses: whether any IP address is such a name (bound to all of the machine's).
        token: what a visitor must show (a cookie, `?token=` once, or a bearer); None: nothing.
        body: the most bytes of a request.
        body_seconds: how long a request's body may take.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        addresses: bool = False,
        token: str | None = None,
        body: int = BODY,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self.app = app
        self.hosts, self.addresses = frozenset(hosts), addresses
        self.token, self.body, self.body_seconds = token, body, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._see_host(headers)
            self._see_origin(scope, headers)
            if self.token is not None and scope["path"] not in OPEN:
                given = self._given_token(scope, headers)
                if given is not None:
                    await given(scope, receive, send_safely)
                    return
            await self.app(scope, self._limited(headers, receive), send_safely)
        except ClientDisconnect:
            pass  # nobody waits for an answer
        except Problem as problem:
            if started:
                raise
            await problem.response()(scope, receive, send_safely)

    def _see_host(self, headers: Headers) -> None:
        asked = _one(headers, "host", "")
        host = _name(asked)
        if host not in self.hosts and not (self.addresses and _is_address(host)):
            raise Problem(
                421, f"this server is not called {quoted(asked) if asked else '(nothing)'}"
            )

    def _see_origin(self, scope: Scope, headers: Headers) -> None:
        site = _one(headers, "sec-fetch-site", "same-origin")
        if scope["method"] in SAFE:
            # A link from elsewhere may open the page; nothing else is for other sites.
            if site not in ("same-origin", "none") and headers.get("sec-fetch-dest") != "document":
                raise Problem(403, "this is for byhand's own page only")
            return
        own = f"{scope.get('scheme', 'http')}://{headers.get('host', '')}".lower()
        origin = _one(headers, "origin", own).lower()
        if site not in ("same-origin", "none") or origin != own:
            raise Problem(403, "only byhand's own page may send this")

    def _given_token(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        """None where the token was shown; after a link with it, the way to the page without it."""
        assert self.token is not None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        asked = query.pop("token", [""])[0]
        if asked and scope["method"] in SAFE and self._is_token(asked):
            rest = urlencode(query, doseq=True)
            path = "/" + scope["path"].lstrip("/")  # never another host's
            answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        bearer = headers.get("authorization", "").partition(" ")
        shown = bearer[2] if bearer[0].lower() == "bearer" else _cookie(headers)
        if not self._is_token(shown):
            raise Problem(
                401,
                "open the address with ?token=... that byhand serve printed, or send the token "
                "as a bearer",
                {"www-authenticate": "Bearer"},
            )
        return None

    def _is_token(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode(), (self.token or "").encode())

    def _limited(self, headers: Headers, receive: Receive) -> Receive:
        """`receive`, of a body that is neither too large nor too slow."""
        too_large = Problem(413, f"a request may have {self.body // 2**20} MB at most")
        length = headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,20}", length):
            raise Problem(400, f"the length of the request is {quoted(length)}, which is no number")
        if int(length) > self.body:
            raise too_large
        had, ends, complete = 0, asyncio.get_running_loop().time() + self.body_seconds, False

        async def limited() -> Message:
            nonlocal had, complete
            if complete:  # what comes now is only that the visitor has gone
                return await receive()
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise Problem(
                    408, f"the request took more than {self.body_seconds:g} seconds to come"
                ) from None
            if message["type"] == "http.request":
                had += len(message.get("body", b""))
                if had > self.body:
                    raise too_large
                complete = not message.get("more_body", False)
            return message

        return limited


def _one(headers: Headers, name: str, otherwise: str) -> str:
    """A header that says who asks: two of them would say different things to different readers."""
    values = headers.getlist(name) or [otherwise]
    if len(values) > 1:
        raise Problem(400, f"the request has the header {name} twice")
    return values[0]


def _name(host: str) -> str:
    """The Host header without its port, in small letters; "" where it is none (RFC 9110, 7.2)."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower() if match else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _cookie(headers: Headers) -> str:
    # Other programs' cookies of this host come along, whatever is in them.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
