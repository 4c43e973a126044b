"""What the page asks the server for: every address in one list, a function each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import byhand
from byhand import nn, recipes
from byhand.app import inside, readings, records
from byhand.app.arrays import decode_file, decode_seen
from byhand.app.networks import Networks
from byhand.app.problems import Problem
from byhand.app.readers import Readers
from byhand.app.training import Training
from byhand.app.work import Work
from byhand.reader import Reader
from byhand.reader.reader import grid_asked

JSON_BYTES = 2 * 2**20  # a drawing's file, with much to spare
STATIC = Path(__file__).with_name("static")


@dataclass(frozen=True)
class House:
    """All that the routes work with.

    Args:
        reader: reads pages. readers: read drawings.
        networks: those that the page offers.
        training: the one that may be under way.
        runs: the folder of runs and experiments.
        quick: work of milliseconds. slow: work of seconds.
    """

    reader: Reader
    readers: Readers
    networks: Networks
    training: Training
    runs: Path
    quick: Work
    slow: Work


def _house(request: Request) -> House:
    house = request.app.state.house
    assert isinstance(house, House)
    return house


async def healthz(request: Request) -> Response:
    """That the server is there."""
    return JSONResponse({"status": "ok", "version": byhand.__version__})


async def list_models(request: Request) -> Response:
    """The networks, with what they reach."""
    house = _house(request)
    return JSONResponse({"models": await house.quick.do(house.networks.listed)})


async def list_recipes(request: Request) -> Response:
    """The recipes that can be trained, with their fields as text."""
    found = []
    for name in recipes.names():
        recipe = recipes.get(name)
        if recipe.lessons == "as_found":  # the reader's needs fonts, and half an hour
            values = recipe.as_dict()
            found.append({**values, "claim": str(recipe.expect or "")})
    return JSONResponse({"recipes": found})


async def read(request: Request) -> Response:
    """Read a page: a multipart form with `file`, and if wished grid, digits, threshold, choices."""
    house = _house(request)
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Problem(400, "send the picture as the form's field file")
            content = await file.read()
            fields = {k: v for k, v in form.items() if isinstance(v, str)}
            name = (file.filename or "picture").replace("\\", "/").rpartition("/")[2][:200]
    except MultiPartException as error:
        raise Problem(400, f"the form cannot be read: {error.message}") from None
    if not content:
        raise Problem(400, "the picture is empty")
    values = await house.slow.do(
        readings.read_page,
        house.reader,
        content,
        name,
        grid=grid_asked(fields["grid"]) if fields.get("grid") else None,
        digits=_number(fields, "digits", int),
        threshold=_number(fields, "threshold", float),
        choices=_number(fields, "choices", int, 0, 10) or 0,
        steps=fields.get("steps") == "1",
        preview=fields.get("preview") == "1",
    )
    return JSONResponse(values)


async def predict(request: Request) -> Response:
    """Read a drawing: {"image": a data URL}."""
    house, body = _house(request), await _body(request)
    return JSONResponse(await house.readers.read(decode_file(body.get("image"))))


async def trace(request: Request) -> Response:
    """A picture through a network: {"model", "picture", "label"}; with a label, and back."""
    return await _looked(request, _house(request).quick, inside.traced)


async def attention(request: Request) -> Response:
    """Where a network looks: {"model", "picture", "label"}."""
    return await _looked(request, _house(request).slow, inside.attention)


async def step(request: Request) -> Response:
    """Steps on one picture: {"model", "picture", "label", "optimiser", "rate", "steps"}."""
    house, body = _house(request), await _body(request)
    seen = decode_seen(body.get("picture"))
    rate, steps = body.get("rate", 0.01), body.get("steps", 1)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not abs(rate) < 1e9:
        raise Problem(400, "the rate must be a number above 0 and at most 100")
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise Problem(400, f"steps is {steps!r}, but it must be a whole number")

    def work() -> dict[str, Any]:
        model = inside.fits(house.networks.get(body.get("model")))
        label = inside.checked_label(model, body.get("label"))
        if label is None:
            raise Problem(400, "give the label, the number of the class that it should have been")
        optimiser = str(body.get("optimiser", "SGD"))
        return inside.stepped(model, seen, label, optimiser, float(rate), steps)

    return JSONResponse(await house.slow.do(work))


async def training_state(request: Request) -> Response:
    """What the training does."""
    return JSONResponse(_house(request).training.state())


async def training_start(request: Request) -> Response:
    """Begin to train: {"recipe", "settings": {field: value}, "seed"}."""
    body = await _body(request)
    state = await _house(request).training.start(
        body.get("recipe"), body.get("settings", {}), body.get("seed", 0)
    )
    return JSONResponse(state, 201)


async def training_tell(request: Request) -> Response:
    """Pause, resume or stop it."""
    word = request.path_params["word"]
    if word not in ("pause", "resume", "stop"):
        raise Problem(404, f"a training can be told to pause, resume or stop, not to {word!r}")
    return JSONResponse(await _house(request).training.tell(word))


async def training_events(request: Request) -> Response:
    """Its events, as server-sent events; after `Last-Event-ID` or ?after=N."""
    after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not after.isdecimal() or len(after) > 12:
        raise Problem(400, f"events are numbered; {after!r} is no number")
    training = _house(request).training
    if training.is_full:
        raise Problem(503, "too many pages listen already", {"retry-after": "5"})
    return StreamingResponse(training.events(int(after)), media_type="text/event-stream")


async def list_runs(request: Request) -> Response:
    """The runs and experiments of this machine."""
    house = _house(request)
    return JSONResponse({"runs": await house.quick.do(records.listed, house.runs)})


async def run_file(request: Request) -> Response:
    """A file of a run: its report, or a picture of it."""
    house, params = _house(request), request.path_params
    return await house.quick.do(records.file, house.runs, params["run"], params["file"])


async def openapi(request: Request) -> Response:
    """The description of all this."""
    return JSONResponse(json.loads((STATIC / "openapi.json").read_text(encoding="utf-8")))


API = [
    Route("/openapi.json", openapi),
    Route("/models", list_models),
    Route("/recipes", list_recipes),
    Route("/read", read, methods=["POST"]),
    Route("/predict", predict, methods=["POST"]),
    Route("/trace", trace, methods=["POST"]),
    Route("/attention", attention, methods=["POST"]),
    Route("/step", step, methods=["POST"]),
    Route("/training", training_state),
    Route("/training", training_start, methods=["POST"]),
    Route("/training/events", training_events),
    Route("/training/{word}", training_tell, methods=["POST"]),
    Route("/runs", list_runs),
]
ROUTES: list[BaseRoute] = [
    Route("/healthz", healthz),
    Mount("/api", routes=API),
    Mount("/runs", routes=[Route("/{run}/{file:path}", run_file)]),
    Mount("/", StaticFiles(directory=STATIC, html=True)),
]


async def _looked(
    request: Request, at_work: Work, look: Callable[[nn.Layer, Any, int | None], dict[str, Any]]
) -> Response:
    """What `look` tells of the network, the picture and the label that are asked about."""
    house, body = _house(request), await _body(request)
    seen = decode_seen(body.get("picture"))

    def work() -> dict[str, Any]:
        model = inside.fits(house.networks.get(body.get("model")))
        return look(model, seen, inside.checked_label(model, body.get("label")))

    return JSONResponse(await at_work.do(work))


async def _body(request: Request) -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        Problem: it has none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "send JSON, with the content type application/json")
    text = bytearray()
    async for part in request.stream():
        text += part
        if len(text) > JSON_BYTES:
            raise Problem(413, f"a request of JSON may have {JSON_BYTES // 2**20} MB at most")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Problem(400, "the request is no JSON") from None
    if not isinstance(body, dict):
        raise Problem(400, "the request must be a JSON object")
    return body


def _number(
    fields: dict[str, str], name: str, kind: type, low: float = 0, high: float = 1e6
) -> Any:
    text = fields.get(name, "")
    if not text:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise Problem(400, f"{name} is {text!r}, but it must be a number from {low} to {high:g}")
    return value
