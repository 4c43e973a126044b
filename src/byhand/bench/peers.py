"""Who is timed beside byhand: what each needs to be installed, and how to get it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from byhand.bench.contestant import Contestant
from byhand.bench.jax_peer import Jax
from byhand.bench.onnx_peer import OnnxRuntime
from byhand.bench.ours import Byhand, Reference
from byhand.bench.torch_peer import Torch, TorchChannelsLast
from byhand.errors import InputError

# By the name that the user says: the contestants, the packages they import, how to install them.
PEERS: dict[str, tuple[tuple[type[Contestant], ...], tuple[str, ...], str]] = {
    "torch": (
        (Torch, TorchChannelsLast),
        ("torch",),
        "see https://pytorch.org/get-started/locally for a CPU build",
    ),
    "jax": ((Jax,), ("jax", "optax"), "pip install 'byhand[bench]'"),
    "onnxruntime": ((OnnxRuntime,), ("onnxruntime", "onnx"), "pip install 'byhand[bench]'"),
}


def missing(peer: str) -> str | None:
    """The first package that `peer` needs and that is not installed."""
    return next((name for name in PEERS[peer][1] if find_spec(name) is None), None)


def choose(names: list[str] | None = None) -> tuple[tuple[type[Contestant], ...], tuple[str, ...]]:
    """The contestants of these peers, or of all that are installed; and notes on what is missing.

    Raises:
        InputError: there is no such peer, or one that was named is not installed.
    """
    for name in names or ():
        if name not in PEERS:
            raise InputError(
                f"there is no peer {name!r}; there are: {', '.join(PEERS)}, or none of them: none"
            )
    kinds: list[type[Contestant]] = []
    notes: list[str] = []
    for name in PEERS if names is None else dict.fromkeys(names):
        contestants, _, remedy = PEERS[name]
        lacking = missing(name)
        if lacking is None:
            kinds += contestants
        elif names is None:
            notes.append(f"{name} is not timed: {lacking} is not installed ({remedy})")
        else:
            raise InputError(f"{name} cannot be timed: {lacking} is not installed; {remedy}")
    return tuple(kinds), tuple(notes)


def contestant(name: str) -> type[Contestant]:
    """The contestant of this name, byhand's own among them.

    Raises:
        InputError: there is none.
    """
    known: list[type[Contestant]] = [Byhand, Reference]
    for kinds, _, _ in PEERS.values():
        known += kinds
    for kind in known:
        if kind.name == name:
            return kind
    names = ", ".join(kind.name for kind in known)
    raise InputError(f"there is no {name!r} to be timed; there are: {names}")


def versions(kinds: tuple[type[Contestant], ...]) -> dict[str, str]:
    """The version of each peer's package."""
    versions = {}
    for package in dict.fromkeys(kind.package for kind in kinds if kind.package != "byhand"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # importable, but never installed as a package
            versions[package] = "unknown"
    return versions
