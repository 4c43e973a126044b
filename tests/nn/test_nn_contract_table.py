"""The contract's table leaves no layer out."""

from __future__ import annotations

from byhand import nn
from nn.contract_cases import CASES


def test_every_registered_layer_is_in_the_table():
    ours = {n for n, cls in nn.registered().items() if cls.__module__.startswith("byhand.")}
    assert ours == {type(case.make()).__name__ for case in CASES}
    assert len(ours) > 20


def test_every_public_layer_is_registered():
    classes = {getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    layers = {c for c in classes if issubclass(c, nn.Layer)} - {nn.Layer, nn.Container}
    assert layers == {c for c in nn.registered().values() if c.__module__.startswith("byhand.")}


def test_case_names_differ_and_begin_with_the_layers_class():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert [n.split(",")[0] for n in names] == [type(c.make()).__name__ for c in CASES]
