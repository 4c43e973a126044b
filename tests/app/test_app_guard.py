"""What every request passes: who may ask, from where, how much, how long."""

from __future__ import annotations

import asyncio

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from byhand.app.application import is_local
from byhand.app.guard import HEADERS, Guard
from byhand.app.problems import HANDLERS

HOSTS = ("127.0.0.1", "localhost", "::1")


def guarded(**settings):
    async def hello(request):
        return PlainTextResponse("hello")

    async def size(request):
        return JSONResponse({"bytes": len(await request.body())})

    routes = [Route("/", hello), Route("/healthz", hello), Route("/size", size, methods=["POST"])]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    return Guard(app, **{"hosts": HOSTS, **settings})


def client(**settings):
    return TestClient(guarded(**settings), "http://127.0.0.1:8028", follow_redirects=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8028", "localhost:8028", "LOCALHOST", "[::1]:80"])
def test_its_own_names_are_answered(host):
    assert client().get("/", headers={"host": host}).text == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8028", "", "localhost.evil", "10.0.0.7", "[::1].evil.com",
        "[::1]evil.com:80", "[::1", "::1]", "[::1%25lo]", "[::1]:80:evil", "localhost:80:evil",
        "localhost:evil", "localhost:999999", "localhost:", "localhost.", "me@localhost",
        "localhost@evil.example", "localhost:80@evil.example", "localhost/evil", "localhost#evil",
        "localhost evil", "127.0.0.1.evil.example", "0x7f.1", "127.1", "[]", ":8028", "localhost,x",
        b"\xfflocalhost",
    ],
)  # fmt: skip
def test_other_names_are_not_so_that_rebinding_a_name_gains_nothing(host):
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "hello" not in answer.text


def test_bound_to_all_addresses_any_address_is_a_name_but_no_other_name_is():
    everywhere = client(addresses=True)
    assert everywhere.get("/", headers={"host": "10.0.0.7:8028"}).status_code == 200
    assert everywhere.get("/", headers={"host": "[fe80::1]:8028"}).status_code == 200
    for other in ("evil.example", "10.0.0.7.evil.example", "[fe80::1%25eth0.evil.example]", "10.7"):
        assert everywhere.get("/", headers={"host": other}).status_code == 421


@pytest.mark.parametrize("name", ["host", "origin", "sec-fetch-site"])
def test_a_request_that_says_twice_who_asks_is_refused(name):
    values = {"host": "127.0.0.1", "origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    headers = [*{"host": "127.0.0.1", name: values[name]}.items(), (name, values[name])]
    answer = client().post("/size", content=b"x", headers=headers)
    assert answer.status_code == 400
    assert "twice" in answer.json()["detail"]


def test_letters_of_either_size_are_the_same_host():
    headers = {"host": "LocalHost:8028", "origin": "http://localhost:8028"}
    assert client().post("/size", content=b"x", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"}, {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8028"}, {"origin": ""},
        {"origin": "http://127.0.0.1:8028.evil.example"}, {"origin": "http://127.0.0.1:8028/"},
        {"origin": "http://me@127.0.0.1:8028"}, {"origin": "http://127.0.0.1:80:8028"},
    ],
)  # fmt: skip
def test_posts_of_other_sites_are_refused(headers):
    assert client().post("/size", content=b"x", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://127.0.0.1:8028", "sec-fetch-site": "same-origin"}]
)
def test_posts_of_the_page_and_of_programs_are_not(headers):
    assert client().post("/size", content=b"xy", headers=headers).json() == {"bytes": 2}


def test_other_sites_may_link_to_the_page_and_embed_nothing():
    site = {"sec-fetch-site": "cross-site"}
    assert client().get("/", headers={**site, "sec-fetch-dest": "document"}).status_code == 200
    for what in ("image", "iframe", "script", "empty"):
        assert client().get("/", headers={**site, "sec-fetch-dest": what}).status_code == 403


def test_every_answer_has_the_safe_headers():
    for answer in (
        client().get("/"),
        client().get("/none"),
        client().get("/", headers={"host": "x"}),
    ):
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
    policy = client().get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "access-control-allow-origin" not in client().get("/").headers


def test_a_body_that_is_too_large_is_refused_by_what_it_says_and_by_what_comes():
    small = client(body=1000)
    assert small.post("/size", content=b"x" * 1000).json() == {"bytes": 1000}
    assert small.post("/size", content=b"x" * 1001).status_code == 413
    answer = small.post("/size", content=iter([b"x" * 600, b"x" * 600]))
    assert answer.status_code == 413
    for odd in (b"-5", b"\xb2", b"1_0", b"+1", b"", b"9" * 5000):
        headers = {"content-length": odd}
        assert small.post("/size", content=b"x", headers=headers).status_code == 400


def test_a_body_that_comes_too_slowly_is_given_up():
    async def slow():
        yield b"x"
        await asyncio.sleep(5)
        yield b"y"

    async def ask():
        transport = httpx.ASGITransport(guarded(body_seconds=0.1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
            return await asking.post("/size", content=slow())

    assert asyncio.run(ask()).status_code == 408


class TestToken:
    """What is bound to another address wants a token."""

    def test_without_it_nothing_is_shown_but_that_the_server_is_there(self):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": "byhand_token=wrong"}):
            answer = client(token="right").get("/", headers=headers)
            assert answer.status_code == 401
            assert "hello" not in answer.text
        assert client(token="right").get("/healthz").status_code == 200
        assert client(token="right").get("/?token=wrong").status_code == 401

    def test_a_program_sends_it_as_a_bearer(self):
        answer = client(token="right").get("/", headers={"authorization": "Bearer right"})
        assert answer.text == "hello"

    def test_a_browser_gets_a_cookie_from_the_link_and_the_address_without_it(self):
        browser = client(token="right")
        answer = browser.get("/?token=right&a=1")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/?a=1"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/").text == "hello"
        assert browser.post("/size", content=b"x").json() == {"bytes": 1}

    def test_other_programs_cookies_do_not_hide_ours(self):
        cookies = {"cookie": 'x={"a":1}; byhand_token=right; =;'}
        assert client(token="right").get("/", headers=cookies).text == "hello"

    def test_a_link_with_the_token_leads_to_no_other_host(self):
        answer = client(token="right").get("http://127.0.0.1:8028//evil.example/?token=right")
        assert answer.headers["location"] == "/evil.example/"

    def test_a_cookie_does_not_let_other_sites_post(self):
        browser = client(token="right")
        browser.get("/?token=right")
        other = {"origin": "http://evil.example"}
        assert browser.post("/size", content=b"x", headers=other).status_code == 403


def test_which_addresses_are_this_machines_own():
    assert all(is_local(host) for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"))
    assert not any(is_local(host) for host in ("0.0.0.0", "192.168.1.4", "::", "example.org"))
