"""Errors as `application/problem+json` with one sentence (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from byhand.errors import ByhandError

MOST = 800  # characters of a sentence


class Problem(Exception):
    """What is wrong with a request.

    Args:
        status: of HTTP, 400 to 599.
        detail: one sentence: what is wrong, what was expected.
        headers: of the answer, such as Retry-After.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        # It may quote what somebody sent: one line, of whole characters, not without end.
        detail = " ".join(detail.encode("utf-8", "backslashreplace").decode().split())
        detail = detail if len(detail) <= MOST else f"{detail[: MOST - 1]}…"
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    def __reduce__(self) -> tuple[type[Problem], tuple[int, str, dict[str, str]]]:
        return Problem, (self.status, self.detail, self.headers)

    @classmethod
    def refusal(cls, error: ByhandError) -> Problem:
        """What byhand itself refuses."""
        return cls(400 if error.exit_status == 2 else 500, str(error))

    @classmethod
    def mistake(cls, error: Exception) -> Problem:
        """A mistake of ours: no more than that there was one."""
        return cls(500, f"unexpected {type(error).__name__}; the server's log says more")

    def response(self) -> Response:
        """As it is answered."""
        return JSONResponse(
            {"title": HTTPStatus(self.status).phrase, "status": self.status, "detail": self.detail},
            self.status,
            self.headers,
            "application/problem+json",
        )


def of_problem(request: Request, error: Exception) -> Response:
    """The answer to a request that cannot be served as it is."""
    assert isinstance(error, Problem)
    return error.response()


def of_input(request: Request, error: Exception) -> Response:
    """The answer where byhand itself refuses what it was given."""
    assert isinstance(error, ByhandError)
    return Problem.refusal(error).response()


def of_http(request: Request, error: Exception) -> Response:
    """The answer to what no route takes."""
    assert isinstance(error, HTTPException)
    sentences = {
        404: f"there is no {request.url.path} here",
        405: f"{request.method} is not for here",
    }
    detail = sentences.get(error.status_code, error.detail)
    return Problem(error.status_code, detail, dict(error.headers or {})).response()


def of_mistake(request: Request, error: Exception) -> Response:
    """The answer to a mistake of ours."""
    return Problem.mistake(error).response()


HANDLERS = {
    Problem: of_problem,
    ByhandError: of_input,
    HTTPException: of_http,
    Exception: of_mistake,
}
