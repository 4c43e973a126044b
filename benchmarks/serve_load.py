"""How many drawings the page's server reads: at a steady rate, many at once, beside bad clients.

    python benchmarks/serve_load.py [--seconds 60] [--json benchmarks/results/serve_load.json]

It starts `byhand serve` on 127.0.0.1 and asks nobody else. Three parts: 200 readings a second, sent
on time whether or not answers have come; 64 clients, each asking again once it has its answer, with
the server's memory (its reading processes' too) early and late; and 100 readings a second beside
clients that send headers and bodies a byte at a time, or go away in the middle. The asking process
shares the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from byhand.reader.examples import pens
from byhand.training import machine

RATE, CLIENTS, BESIDE, BAD = 200, 64, 100, 40
MOST_SECONDS = 120
PATIENCE = 30  # seconds for an answer, which the server itself gives up after 20; and for its end
HEIGHT = 44  # pixels, as the page sends a drawing


def drawings() -> list[bytes]:
    """Requests that a browser would send for one drawn digit each."""
    requests = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        ink = pens.draw(pens.WAYS[seed % 10][0], rng)
        picture = Image.fromarray(255 - ink)
        picture.thumbnail((HEIGHT, HEIGHT))
        written = BytesIO()
        picture.convert("RGB").save(written, "PNG")
        url = "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()
        body = json.dumps({"image": url}).encode()
        head = (
            "POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


class Connection:
    """A connection that stays open, as a browser keeps it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: Any = None

    async def ask(self, request: bytes) -> int:
        """The answer's status."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Leave."""
        if self.streams is not None:
            self.streams[1].close()


async def steady(port: int, requests: list[bytes], rate: int, seconds: float) -> dict[str, Any]:
    """Ask at a rate, on time; latency counts from when a request was due."""
    free: list[Connection] = []
    taken: list[float] = []
    errors = 0

    async def one(request: bytes, due: float) -> None:
        nonlocal errors
        connection = free.pop() if free else Connection(port)
        try:
            status = await connection.ask(request)
            free.append(connection)
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        taken.append(time.perf_counter() - due)
        errors += status != 200

    begun, asking = time.perf_counter(), []
    for i in range(int(rate * seconds)):
        due = begun + i / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asking.append(asyncio.create_task(one(requests[i % len(requests)], due)))
    await asyncio.gather(*asking)
    for connection in free:
        connection.close()
    return {"rate": rate, "errors": errors, **latencies(taken)}


async def at_once(port: int, requests: list[bytes], seconds: float, server: int) -> dict[str, Any]:
    """Many clients, each asking again at once; and the server's memory."""
    taken: list[float] = []
    ends, errors = time.perf_counter() + seconds, 0

    async def client(number: int) -> None:
        nonlocal errors
        connection, i = Connection(port), number
        while time.perf_counter() < ends:
            begun = time.perf_counter()
            status = await connection.ask(requests[i % len(requests)])
            errors += status != 200
            taken.append(time.perf_counter() - begun)
            i += 1
        connection.close()

    async def watch() -> list[float]:
        await asyncio.sleep(seconds / 6)
        early = resident(server)
        await asyncio.sleep(max(0.0, ends - time.perf_counter() - 0.5))
        return [early, resident(server)]

    memory, *_ = await asyncio.gather(watch(), *(client(i) for i in range(CLIENTS)))
    return {
        "clients": CLIENTS,
        "errors": errors,
        "a_second": len(taken) / seconds,
        "megabytes_early": memory[0],
        "megabytes_late": memory[1],
        **latencies(taken),
    }


async def beside_bad_clients(port: int, requests: list[bytes], seconds: float) -> dict[str, Any]:
    """A steady rate while others send a byte at a time, or leave in the middle."""

    async def slow(at_once: bytes, text: bytes) -> None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(at_once)
            for byte in text:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.2)
            writer.close()
        except OSError:
            pass

    async def broken() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(requests[0][:-200])
                await asyncio.sleep(0.05)
                writer.transport.abort()
            except OSError:
                pass
            await asyncio.sleep(0.1)

    head, body = requests[0].split(b"\r\n\r\n", 1)
    slowly = [(head + b"\r\n\r\n", body), (b"", b"GET / HTTP/1.1\r\nX: " + b"y" * 9000)]
    bad = [asyncio.create_task(slow(*slowly[i % 2])) for i in range(2 * BAD)]
    bad += [asyncio.create_task(broken()) for _ in range(BAD // 4)]
    found = await steady(port, requests, BESIDE, seconds)
    for task in bad:
        task.cancel()
    return {"bad_clients": len(bad), **found}


def latencies(seconds: list[float]) -> dict[str, float]:
    """Milliseconds: the median, 99 of 100, the longest."""
    values = np.array(seconds) * 1000
    return {
        "n": len(values),
        "median_ms": float(np.median(values)),
        "p99_ms": float(np.percentile(values, 99)),
        "longest_ms": float(values.max()),
    }


def resident(process: int) -> float:
    """Megabytes that a process and its children have in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    own = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
    return own + sum(resident(int(child)) for child in children)


async def measure(port: int, server: int, seconds: float) -> dict[str, Any]:
    """All three parts."""
    requests = drawings()
    await steady(port, requests, 20, 2)  # warm
    return {
        "steady": await steady(port, requests, RATE, seconds / 3),
        "at_once": await at_once(port, requests, seconds, server),
        "beside_bad_clients": await beside_bad_clients(port, requests, seconds / 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    command = [sys.executable, "-m", "byhand", "serve", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline() if server.stdout else ""
        port = int(line.rpartition(":")[2].partition("/")[0])
        try:
            found = asyncio.run(measure(port, server.pid, min(args.seconds, MOST_SECONDS)))
        finally:
            server.terminate()
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                raise SystemExit(f"the server has not ended within {PATIENCE} seconds") from None
    found = {"machine": machine(), **found}
    print(json.dumps(found, indent=1))
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
