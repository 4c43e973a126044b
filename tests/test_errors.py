"""An error is one sentence on one line, whatever names it quotes."""

from __future__ import annotations

import pytest

from byhand import errors
from byhand.errors import ByhandError


@pytest.mark.parametrize("kind", [ByhandError, errors.DataError, errors.FileWriteError])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028"])
def test_a_name_with_line_ends_does_not_break_the_sentence(kind, end):
    assert str(kind(f"cannot read a{end}b: try another")) == "cannot read a b: try another"
