"""What the page asks the server for: every address in one list, a function each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import byhand
from byhand import checks, optim, recipes
from byhand.app import inside, records, tasks
from byhand.app.arrays import decode_file, decode_seen
from byhand.app.folders import unquoted
from byhand.app.networks import Networks
from byhand.app.problems import Problem
from byhand.app.processes import Processes
from byhand.app.threads import ThreadPool
from byhand.app.training import Training
from byhand.reader.reader import grid_asked

JSON_BYTES = 2 * 2**20  # a drawing's file, with much to spare
STATIC = Path(__file__).with_name("static")
LOOKED = ("model", "picture", "label")
PAGE_FIELDS = ("grid", "digits", "threshold", "choices", "steps", "preview")


@dataclass(frozen=True)
class Services:
    """What the routes work with: the state of the app.

    Args:
        reader: the reader's model; None for the one in the package.
        networks: those that the page offers.
        training: the one that may be under way.
        runs: the folder of runs and experiments.
        memory: bytes that a network may take for one picture.
        files: looks into folders.
        quick: work of milliseconds. slow: work of seconds.
    """

    reader: Path | None
    networks: Networks
    training: Training
    runs: Path
    memory: int
    files: ThreadPool
    quick: Processes
    slow: Processes


def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def healthz(request: Request) -> Response:
    """That the server is there."""
    return JSONResponse({"status": "ok", "version": byhand.__version__})


async def list_models(request: Request) -> Response:
    """The networks, with what they reach."""
    models, older = await _services(request).networks.listed()
    return JSONResponse({"models": models, "older": older})


async def list_recipes(request: Request) -> Response:
    """The recipes that can be trained, with their fields as text."""
    listing = []
    for name in recipes.names():
        recipe = recipes.get(name)
        if recipes.EXAMPLES[recipe.examples].quick:
            values = recipe.as_dict()
            listing.append({**values, "claim": str(recipe.expect or "")})
    return JSONResponse({"recipes": listing})


async def read(request: Request) -> Response:
    """Read a page: a multipart form with `file`, and if wished the fields of `PAGE_FIELDS`."""
    services = _services(request)
    content, name, fields = await _form(request)
    values = await services.slow.do(
        tasks.read_page,
        services.reader,
        content,
        name,
        grid=grid_asked(fields["grid"]) if fields.get("grid") else None,
        digits=_number(fields, "digits", int),
        threshold=_number(fields, "threshold", float),
        choices=_number(fields, "choices", int, 0, 10) or 0,
        steps=checks.one_of("steps", fields.get("steps") or "0", ("0", "1")) == "1",
        preview=checks.one_of("preview", fields.get("preview") or "0", ("0", "1")) == "1",
    )
    return JSONResponse(values)


async def predict(request: Request) -> Response:
    """Read a drawing: {"image": a data URL}."""
    services, body = _services(request), await _body(request, "image")
    file = decode_file(body.get("image"))
    return JSONResponse(await services.quick.do(tasks.read_drawing, services.reader, file))


async def trace(request: Request) -> Response:
    """A picture through a network: {"model", "picture", "label"}; with a label, and back."""
    body = await _body(request, *LOOKED)
    return await _looked(request, _services(request).quick, inside.traced, body)


async def attention(request: Request) -> Response:
    """Where a network looks: {"model", "picture", "label"}."""
    body = await _body(request, *LOOKED)
    return await _looked(request, _services(request).slow, inside.attention, body)


async def step(request: Request) -> Response:
    """Steps on one picture: {"model", "picture", "label", "optimiser", "rate", "steps"}."""
    body = await _body(request, *LOOKED, "optimiser", "rate", "steps")
    optimiser = checks.one_of("optimiser", body.get("optimiser", "SGD"), tuple(optim.OPTIMISERS))
    rate = checks.number("rate", body.get("rate", 0.01), above=0, most=100)
    steps = checks.whole("steps", body.get("steps", 1), 1, inside.MOST_STEPS)
    if body.get("label") is None:
        raise Problem(400, "give the label, the number of the class that it should have been")
    slow = _services(request).slow
    return await _looked(request, slow, inside.stepped, body, optimiser, rate, steps)


async def training_state(request: Request) -> Response:
    """What the training does."""
    return JSONResponse(_services(request).training.state())


async def training_start(request: Request) -> Response:
    """Begin to train: {"recipe", "settings": {field: value}, "seed"}."""
    body = await _body(request, "recipe", "settings", "seed")
    state = await _services(request).training.start(
        body.get("recipe"), body.get("settings", {}), body.get("seed", 0)
    )
    return JSONResponse(state, 201)


async def training_tell(request: Request) -> Response:
    """Pause, resume or stop it."""
    word = request.path_params["word"]
    if word not in ("pause", "resume", "stop"):
        raise Problem(
            404, f"a training can be told to pause, resume or stop, not to {checks.quoted(word)}"
        )
    return JSONResponse(await _services(request).training.tell(word))


async def training_events(request: Request) -> Response:
    """Its events, as server-sent events; after `Last-Event-ID` or ?after=N."""
    after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not after.isdecimal() or len(after) > 12:
        raise Problem(400, f"events are numbered; {checks.quoted(after)} is no number")
    training = _services(request).training
    if training.is_full:
        raise Problem(503, "too many pages listen already", {"retry-after": "5"})
    return StreamingResponse(training.events(int(after)), media_type="text/event-stream")


async def list_runs(request: Request) -> Response:
    """The runs and experiments of this machine."""
    services = _services(request)
    listing, older = await services.files.do(records.listed, services.runs)
    return JSONResponse({"runs": listing, "older": older})


async def run_file(request: Request) -> Response:
    """A file of a run: its report, or a picture of it."""
    services = _services(request)
    # From the bytes that were asked for: a name need not be UTF-8.
    asked = request.scope["raw_path"].decode("ascii").removeprefix("/runs/")
    run, _, name = asked.partition("/")
    return await services.files.do(records.file, services.runs, unquoted(run), unquoted(name))


async def openapi(request: Request) -> Response:
    """The description of all this."""
    return JSONResponse(json.loads((STATIC / "openapi.json").read_text(encoding="utf-8")))


class _Any(StringConvertor):
    """The rest of an address, whatever a file is called: Starlette's paths have no line ends."""

    regex = r"(?s:.*)"


register_url_convertor("any", _Any())
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
    Route("/runs/{run}/{file:any}", run_file),
    Mount("/", StaticFiles(directory=STATIC, html=True)),
]


async def _looked(
    request: Request,
    at_work: Processes,
    how: Callable[..., dict[str, Any]],
    body: Mapping[str, Any],
    *more: Any,
) -> Response:
    """What a function of `inside` tells of the network, the picture and the label asked about."""
    services = _services(request)
    seen = decode_seen(body.get("picture"))
    place = await services.networks.get(body.get("model"))
    values = await at_work.do(
        tasks.look, how, place, services.memory, seen, body.get("label"), *more
    )
    return JSONResponse(values)


async def _body(request: Request, *fields: str) -> dict[str, Any]:
    """The request's JSON object, of these fields and no others.

    Raises:
        Problem: it has none.
        DataError: it is no JSON, or none that can be read without doubt.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "send JSON, with the content type application/json")
    text = bytearray()
    async for part in request.stream():
        text += part
        if len(text) > JSON_BYTES:
            raise Problem(413, f"a request of JSON may have {JSON_BYTES // 2**20} MB at most")
    body = checks.parse_json(bytes(text), "the request")
    if not isinstance(body, dict):
        raise Problem(400, "the request must be a JSON object")
    _see_names(body, fields)
    return body


async def _form(request: Request) -> tuple[bytes, str, dict[str, str]]:
    """The picture of the request's form, its name, and the other fields.

    Raises:
        Problem: it is none, or has no picture, or fields that are not for here.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    charset = options.get(b"charset", b"utf-8").lower()
    if kind != b"multipart/form-data" or charset not in (b"utf-8", b"utf8"):
        raise Problem(400, "send the picture as the field file of a multipart form, in UTF-8")
    try:
        async with request.form(max_files=1, max_fields=len(PAGE_FIELDS)) as form:
            items = form.multi_items()
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Problem(
                    400, "send the picture, whole, as the form's field file, with a file name"
                )
            content = await file.read()
    except HTTPException as error:
        raise Problem(400, f"the form cannot be read: {error.detail}") from None
    if len(items) != len(form):
        raise Problem(400, "the form has a field twice")
    _see_names(form, ("file", *PAGE_FIELDS))
    if not content:
        raise Problem(400, "the picture is empty")
    # For a table and for errors; never a path.
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if c.isprintable())[:200] or "picture"
    return content, name, {k: v for k, v in items if isinstance(v, str)}


def _see_names(given: Mapping[str, Any], fields: tuple[str, ...]) -> None:
    for name in given:
        if name not in fields:
            raise Problem(
                400, f"there is no {checks.quoted(name)} here; there is {', '.join(fields)}"
            )


def _number(
    fields: dict[str, str], name: str, kind: type, low: float = 0, high: float = 1e6
) -> Any:
    text = fields.get(name, "")
    if not text:
        return None
    try:
        value = kind(text) if text.isascii() and "_" not in text else None
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise Problem(
            400, f"{name} is {checks.quoted(text)}, but it must be a number from {low} to {high:g}"
        )
    return value
