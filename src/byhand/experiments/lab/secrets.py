"""Passwords: a record of an experiment, and what it says, hold none."""

from __future__ import annotations

import re


def masked(text: str) -> str:
    """The text with the passwords of URLs in it replaced by ***."""
    text = re.sub(r"(://[^:/?#@\s]*):\S*@", r"\1:***@", text)
    return re.sub(r"((?:password|passwd|pwd)=)[^&\s'\"]*", r"\1***", text, flags=re.IGNORECASE)
