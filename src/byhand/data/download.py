"""MNIST from the network into a folder: mirrors in turn, checked, locked, atomic.

A file reaches the disk only when its decompressed bytes have the right SHA-256, so what is in the
folder is whole and right, or not there. It is kept gzip'd, as it comes: a fifth of the room, and
reading it costs a third of a second.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from byhand import checks
from byhand.data.compressed import decompressed
from byhand.data.fingerprint import MNIST_HASHES
from byhand.data.idx_set import find_idx, idx_paths
from byhand.data.progress import Progress, reporting
from byhand.errors import DataError, DownloadError, FileWriteError, InputError
from byhand.files import atomic_write, remove_partials

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
CONNECT = 5.0  # seconds at most until a mirror is reached: without a network nobody answers
LARGEST_BODY = 2**26  # bytes of one file as it comes; MNIST's largest has 9,912,422
LARGEST_FILE = 2**28  # bytes of one file decompressed; MNIST's largest has 47,040,016


def fetch_mnist(
    folder: str | Path,
    *,
    mirrors: Sequence[str] = MIRRORS,
    hashes: Mapping[str, str] = MNIST_HASHES,
    progress: Progress | bool | None = None,
    timeout: float = 15.0,
    deadline: float = 600.0,
    largest: int = LARGEST_BODY,
) -> tuple[str, ...]:
    """Make `folder` hold the files of `hashes`: check what is there and download what is not.

    One process at a time works in a folder; others wait, and then find the files there.

    Args:
        folder: where to; it is made where it is not.
        mirrors: addresses that become a file's with its name and `.gz` behind them. One that
            fails is passed over and only tried again for a file that no other has.
        hashes: SHA-256 of each decompressed file, by name. A file in the folder that has another
            is replaced once the right one is here.
        progress: see `byhand.data.progress`; True for a bar on standard error.
        timeout: seconds to wait for the next bytes; for a connection `CONNECT` at most.
        deadline: seconds that one file may take from one mirror, and that another process's
            download is waited for.
        largest: bytes that one file may have, as it comes.

    Returns:
        What went wrong on the way, a sentence for each mirror that was passed over.

    Raises:
        InputError: `folder` is no path, or `mirrors` no list.
        DownloadError: no mirror gave a file; the message has each one's reason.
        FileWriteError: the folder cannot be written to.
    """
    import filelock

    folder = checks.path("the folder", folder)
    if isinstance(mirrors, str):
        raise InputError(f"mirrors is {checks.quoted(mirrors)}: give a list of addresses")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lock", timeout=deadline):
            remove_partials(folder)
            with reporting(progress) as report:
                fetcher = _Fetcher(list(mirrors), report, timeout, deadline, largest)
                for name, sha256 in hashes.items():
                    if not _is_there(folder, name, sha256):
                        body = fetcher.fetch(name, sha256)
                        path = folder / f"{name}.gz"
                        with atomic_write(path) as file:
                            file.write(body)
                        # A broken one in another form would be found before the right one.
                        for other in idx_paths(folder, name):
                            if other != path:
                                other.unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise DownloadError(
            f"another process has been downloading to {folder} for {deadline:g} seconds: "
            f"wait for it or stop it, then try again"
        ) from error
    except FileWriteError:
        raise
    except OSError as error:
        raise FileWriteError(
            f"cannot write to {folder}: {error.strerror or error}; free some space, "
            "or name another folder with BYHAND_CACHE"
        ) from error
    return tuple(f"{mirror} was passed over: {why}" for mirror, why in fetcher.reasons.items())


def _is_there(folder: Path, name: str, sha256: str) -> bool:
    path = find_idx(folder).get(name)
    if path is None:
        return False
    try:
        data = decompressed(path.read_bytes(), str(path), LARGEST_FILE)
    except (DataError, OSError):
        data = b""
    return hashlib.sha256(data).hexdigest() == sha256


class _Fetcher:
    """Fetches file after file, from the mirrors that have failed least."""

    def __init__(
        self, mirrors: list[str], report: Progress, timeout: float, deadline: float, largest: int
    ) -> None:
        self.mirrors, self.report = mirrors, report
        self.timeout, self.deadline, self.largest = timeout, deadline, largest
        self.reasons: dict[str, str] = {}

    def fetch(self, name: str, sha256: str) -> bytes:
        """The gzip'd bytes of the file `name`, checked."""
        # Those that failed before come last, whatever file they failed on.
        for mirror in sorted(self.mirrors, key=lambda mirror: mirror in self.reasons):
            try:
                return self._from(mirror, name, sha256)
            except _MirrorFailed as failure:
                self.reasons[mirror] = str(failure)
        tried = "; ".join(f"{mirror}: {why}" for mirror, why in self.reasons.items())
        raise DownloadError(
            f"could not download {name}.gz ({tried or 'no mirrors given'}): check the network, "
            "or put MNIST's files into a folder and name it with --data or BYHAND_DATA"
        )

    def _from(self, mirror: str, name: str, sha256: str) -> bytes:
        body = _Body(f"{name}.gz", self.report, self.deadline, self.largest)
        self.report(body.name, 0, 0)  # before the mirror answers, which may take a while
        _transfer(f"{mirror.rstrip('/')}/{name}.gz", body, self.timeout)
        try:
            data = decompressed(bytes(body.bytes), f"{name}.gz", LARGEST_FILE)
        except DataError as error:
            if error.__cause__ is None:
                what = f"unpacks to more than {LARGEST_FILE:,} bytes"
            else:
                ended = isinstance(error.__cause__, EOFError)
                what = "ended early" if ended else "is no sound gzip"
            raise _MirrorFailed(f"{name}.gz {what}") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != sha256:
            raise _MirrorFailed(
                f"{name}.gz has the wrong bytes, SHA-256 {digest[:12]}… where {sha256[:12]}… "
                "was expected"
            )
        # A server may have unpacked the file on the way.
        gzipped = body.bytes[:2] == b"\x1f\x8b"
        return bytes(body.bytes) if gzipped else gzip.compress(data, mtime=0)


class _MirrorFailed(Exception):
    """Why a mirror is passed over."""


class _Body:
    """Takes the bytes as they come, within bounds; to pooch it is both the file and the bar."""

    def __init__(self, name: str, report: Progress, deadline: float, largest: int) -> None:
        self.name, self.report, self.largest = name, report, largest
        self.deadline, self.ends = deadline, time.monotonic() + deadline
        self.bytes = bytearray()
        self.total = 0  # pooch sets it to what the server announces

    def write(self, chunk: bytes) -> None:
        if max(self.total, len(self.bytes) + len(chunk)) > self.largest:
            raise _MirrorFailed(f"{self.name} is larger than {self.largest:,} bytes")
        if time.monotonic() > self.ends:
            raise _MirrorFailed(f"{self.name} took longer than {self.deadline:g} seconds")
        self.bytes += chunk
        self.report(self.name, len(self.bytes), self.total)

    def flush(self) -> None: ...

    def update(self, amount: int) -> None: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


def _transfer(url: str, body: _Body, timeout: float) -> None:
    """Fetch `url` into `body`, or raise why not as _MirrorFailed."""
    import pooch
    import requests

    responses: list[requests.Response] = []

    def keep(response: requests.Response, **_: Any) -> None:
        responses.append(response)

    download = pooch.HTTPDownloader(
        progressbar=body,
        timeout=(min(timeout, CONNECT), timeout),
        # The bytes as they are stored, not packed anew for the way.
        headers={"Accept-Encoding": "identity"},
        hooks={"response": keep},
    )
    try:
        download(url, body, None)
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise _MirrorFailed(f"it answered {status} for {body.name}") from error
    except requests.Timeout as error:
        raise _MirrorFailed(f"it gave no answer for {timeout:g} seconds") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise _MirrorFailed(f"{body.name} broke off after {len(body.bytes):,} bytes") from error
    except requests.ConnectionError as error:
        why = "gave no answer in time" if "timed out" in str(error) else "could not be reached"
        raise _MirrorFailed(f"it {why}") from error
    except (requests.RequestException, ValueError) as error:
        raise _MirrorFailed(f"it cannot be asked ({type(error).__name__})") from error
    finally:
        for response in responses:
            response.close()
