"""Requests: every address of the page's server asked oddly, over a socket as a browser would."""

from __future__ import annotations

import base64
import json
import logging
import queue
import socket
import threading
from urllib.parse import quote

import uvicorn

from app import pictures
from byhand import models
from byhand.app import Settings, create_app, server
from byhand.data import IDX_FILES
from fuzz import data_files, odd_bytes, odd_values
from fuzz import pictures as picture_files
from fuzz.odd_values import pick

BODY_SECONDS = 0.3  # in which the server expects a body that was promised
PATIENCE = 50.0  # seconds in which an answer must come to what is whole
REST = 0.5  # and to what may not be
GETS = ("/", "/healthz", "/api/models", "/api/recipes", "/api/runs", "/api/training", "/js/app.js",
        "/api/openapi.json", "/api/training/events?after=3", "/runs/x/report.html",
        "/runs/x/pictures/curve.png", "/index.html")  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "CONNECT", "X")
SETTINGS = {"steps": 5, "batch_size": 2, "schedule.rate": 0.1, "model": "tiny(scale=0.1)"}
HEADERS = (
    "Host", "Origin", "Content-Type", "Content-Length", "Transfer-Encoding", "Accept-Encoding",
    "Range", "If-None-Match", "If-Modified-Since", "If-Range", "Cookie", "Authorization",
    "Sec-Fetch-Site", "Sec-Fetch-Dest", "Last-Event-ID", "Connection", "Upgrade", "Expect",
    "X-Forwarded-For", "Accept",
)  # fmt: skip
VALUES = (
    b"", b"x", b"0", b"-1", b"1" * 5000, b"chunked", b"gzip, chunked", b"close", b"keep-alive",
    b"upgrade", b"websocket", b"100-continue", b"[::1]", b"[::1].evil.com", b"localhost:80:x",
    b"127.0.0.1:8028", b"bytes=0-0,-1,5-", b"bytes=" + b"0-," * 300, b"bytes=9-1",
    b"application/json", b"application/json; charset=x", b"text/html", b"null", b"\xff\xfe",
    b"multipart/form-data", b"multipart/form-data; boundary=" + b"a" * 300, b"a\tb", b"\xc2\xa0",
    b"a=b; byhand_token=x; ;;=", b"Bearer x", b"Basic !", b"cross-site", b"document", b'"x"',
    b'W/""', b"Thu, 01 Jan 1970 00:00:00 GMT", b"99999999999999999999",
)  # fmt: skip
SEGMENTS = (
    "..", ".", "%2e%2e", "%2f", "%00", "%ff", "%", "%zz", "\\", "", "é", "x" * 3000, "%0a", ";",
    "api", "runs", "experiments", "report.html", "pause", "*", "~", "con", "a b",
)  # fmt: skip


class Requests:
    """Sent to the server on a port of this machine; only its patience is not as byhand's own."""

    def __init__(self, folder):
        data, runs = folder / "data", folder / "runs"
        data.mkdir(parents=True)
        for name, content in zip(IDX_FILES, data_files.arrays().values(), strict=True):
            (data / name).write_bytes(data_files.encode_idx(content))
        runs.mkdir()
        self.png, self.seen = pictures.png(pictures.drawn(5, 7)), pictures.seen(4)
        self.pictures = [
            content for content in picture_files.files().values() if len(content) < 20_000
        ]
        self.networks = [*models.trained_files(), "reader"]
        self.errors = queue.SimpleQueue()
        handler = logging.Handler()
        handler.emit = lambda record: self.errors.put(record)
        logging.getLogger("uvicorn.error").addHandler(handler)
        logging.getLogger("uvicorn.error").propagate = False
        for name in ("python_multipart", "asyncio"):  # remarks on forms, and on who has gone
            logging.getLogger(name).addHandler(logging.NullHandler())
        app = create_app(Settings(runs=runs, data=data, body_seconds=BODY_SECONDS))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, http=server.Impatient, ws="none",
            h11_max_incomplete_event_size=16 * 1024,
        )  # fmt: skip
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.server = server.Server(config, app)
        self.thread = threading.Thread(target=self.server.run, args=([listening],))
        self.thread.start()

    def close(self):
        """End the server, and with it the processes that it has started."""
        self.server.should_exit = True
        self.thread.join(30)

    def case(self, rng):
        method, path, headers, body = self._request(rng)
        for _ in range(int(rng.integers(0, 3))):
            method, path, headers, body = _changed(method, path, headers, body, rng)
        length = [] if body is None else [("Content-Length", b"%d" % len(body))]
        head = [f"{method} {path} HTTP/1.1".encode("utf-8", "surrogatepass")]
        head += [name.encode() + b": " + value for name, value in (*headers, *length)]
        raw = b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")
        if rng.integers(12) == 0:
            raw = odd_bytes.spoilt(raw, [raw], rng)
        return {"request.http": raw}

    def _request(self, rng):
        """One that the page itself might send, its values spoilt or not."""
        headers = [("Host", b"127.0.0.1")]
        way = rng.integers(10)
        if way < 2:
            return "GET", pick(GETS, rng), headers, None
        if way == 2:
            return (
                "POST",
                f"/api/training/{pick(('pause', 'resume', 'stop', 'stop'), rng)}",
                headers,
                b"",
            )
        if way < 5:
            return self._form(headers, rng)
        label = int(rng.integers(10))
        asked = {"model": pick(self.networks, rng), "picture": self.seen, "label": label}
        picture = (
            self.png
            if rng.integers(2)
            else odd_bytes.spoilt(pick(self.pictures, rng), self.pictures, rng)
        )
        path, body = pick(
            (
                ("/api/predict", {"image": "data:image/png;base64," + _base64(picture)}),
                ("/api/trace", asked),
                ("/api/trace", asked),
                ("/api/attention", asked),
                ("/api/step", {**asked, "optimiser": "SGD", "rate": 0.1, "steps": 2}),
                ("/api/step", {**asked, "optimiser": "Adam", "rate": 0.01, "steps": 1}),
                ("/api/training", {"recipe": "tiny", "seed": 1, "settings": SETTINGS}),
            ),
            rng,
        )  # fmt: skip
        said = odd_values.text(odd_values.spoilt(body, rng) if rng.integers(5) else body, rng)
        return "POST", path, [*headers, ("Content-Type", b"application/json")], said

    def _form(self, headers, rng):
        boundary = b"a1b2"
        picture = (
            self.png
            if rng.integers(2)
            else odd_bytes.spoilt(pick(self.pictures, rng), self.pictures, rng)
        )
        fields = [(b"grid", b"2x2"), (b"digits", b"2"), (b"threshold", b"0.5"), (b"choices", b"2"),
                  (b"steps", b"1"), (b"preview", b"1")]  # fmt: skip
        fields = [field for field in fields if rng.integers(3) == 0]
        if fields and rng.integers(2):
            name, _ = fields.pop()
            value = str(odd_values.odd(rng)).encode("utf-8", "surrogatepass")
            fields.append((pick((name, name, b"", b"file", b"\xff"), rng), value))
        parts = [b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % field for field in fields]
        name = pick(
            (b"a.png", b"", b"../../x", b"\xff\xfe", b"a\\b", b'"', b"x" * 400, b"a%0ab"), rng
        )
        parts.append(
            b'Content-Disposition: form-data; name="file"; filename="%s"\r\n'
            b"Content-Type: image/png\r\n\r\n%s" % (name, picture)
        )
        body = (
            b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
            + b"--%s--\r\n" % boundary
        )
        if rng.integers(3) == 0:
            body = odd_bytes.spoilt(body, [body], rng)
        kind = b"multipart/form-data; boundary=" + pick(
            (boundary, boundary, boundary, b"x", b"", b'"a1b2"'), rng
        )
        return "POST", "/api/read", [*headers, ("Content-Type", kind)], body

    def doors(self, case):
        raw = case["request.http"]
        yield lambda: self._check_answered(raw)

    def _check_answered(self, raw):
        head, body = self._asked(raw)
        while not self.errors.empty():
            record = self.errors.get()
            if record.exc_info:
                raise record.exc_info[1]
            assert record.levelno < logging.ERROR, record.getMessage()
        if not head:
            assert not _is_whole(raw), "no answer"
            return "none"
        status, headers = _parsed(head)
        assert 200 <= status < 500 or status in (503, 504), (head, body)
        kind = headers.get(b"content-type", b"")
        if body and kind.endswith(b"json"):
            said = json.loads(body, parse_constant=lambda said: 1 / 0)
            if kind == b"application/problem+json":
                assert said["status"] == status
                assert "\n" not in said["detail"]
        if status >= 400 and body and not raw.startswith(b"HEAD"):
            # What is no HTTP is answered by uvicorn.
            assert kind == b"application/problem+json" or b"Invalid HTTP request" in body, body
        return str(status)

    def _asked(self, raw):
        """Head and body of the answer, empty where none came."""
        patience = PATIENCE if _is_whole(raw) else REST
        with socket.create_connection(("127.0.0.1", self.port), patience) as connection:
            answer = b""
            try:
                connection.sendall(raw)
                while not _is_complete(answer, raw):
                    part = connection.recv(1 << 16)
                    if not part:
                        break
                    answer += part
                    if answer.startswith(b"HTTP/1.1 100 ") and b"\r\n\r\n" in answer:
                        answer = answer.partition(b"\r\n\r\n")[2]  # the answer follows
            except (TimeoutError, ConnectionError) as error:
                if _is_whole(raw) and isinstance(error, TimeoutError):
                    raise
        head, _, body = answer.partition(b"\r\n\r\n")
        length = _parsed(head)[1].get(b"content-length") if head else None
        return head, body if length is None else body[
            : int(length)
        ]  # the next answer is not looked at


def _base64(data):
    return base64.b64encode(data).decode()


def _changed(method, path, headers, body, rng):
    """The request with another method, path, header or body."""
    way = rng.integers(5)
    if way == 0:
        method = pick(METHODS, rng)
    elif way == 1:
        parts = path.split("/")
        parts.insert(int(rng.integers(1, len(parts) + 1)), pick(SEGMENTS, rng))
        path = (
            "/".join(parts)
            if rng.integers(2)
            else f"{path}/{quote(str(odd_values.odd(rng)), safe='', errors='surrogatepass')}"
        )
        path = path.replace(" ", "%20")
    elif way == 2:
        said = str(odd_values.odd(rng))[:2000]
        path += f"?{pick(('after', 'token', '', 'x'), rng)}={quote(said, errors='surrogatepass')}"
    elif way == 3:
        name, value = pick(HEADERS, rng), pick(VALUES, rng)
        headers = [h for h in headers if h[0] != name or rng.integers(3) == 0] + [(name, value)]
    elif body is not None:
        body = pick((odd_bytes.spoilt(body or b"x", [body or b"x"], rng), b"", None, body * 2), rng)
    return method, path, headers, body


def _parsed(head):
    first, *lines = head.split(b"\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines)}
    return int(first.split()[1]), headers


def _is_whole(raw):
    """Whether an answer is owed: the request is well framed, and its body all there."""
    head, found, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")[1:]
    lengths = [line for line in lines if line.lower().startswith(b"content-length")]
    framed = [
        line for line in lines if line.lower().startswith((b"transfer-", b"upgrade", b"expect"))
    ]
    if not found or framed or len(lengths) > 1:
        return False
    return (lengths[0].partition(b":")[2].strip() if lengths else b"0") == b"%d" % len(body)


def _is_complete(answer, raw):
    """Whether the answer has come, but for a stream's end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    status, headers = _parsed(head)
    if (
        raw.startswith(b"HEAD")
        or status in (204, 304)
        or b"event-stream" in headers.get(b"content-type", b"")
    ):
        return True
    if b"content-length" in headers:
        return len(body) >= int(headers[b"content-length"])
    return body.endswith(b"0\r\n\r\n")
