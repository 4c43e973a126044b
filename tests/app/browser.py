"""A browser before the running server, which sees that nothing goes wrong unseen."""

from __future__ import annotations

import time
from contextlib import contextmanager

import numpy as np

import support


class Watched:
    """A page, with what it complained of and whom it asked."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.complaints, self.asked = [], []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.set_default_timeout(20_000)

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, tab="draw"):
        self.page.goto(f"{self.address}#{tab}")
        self.page.wait_for_selector(f"#tab-{tab}[aria-selected=true]")
        return self.page

    def see_that_all_went_well(self):
        assert not self.complaints
        own = (self.address, "data:", f"blob:{self.address}")
        assert not [url for url in self.asked if not url.startswith(own)]


@contextmanager
def opened(browser, address, **context):
    """A page of its own; at the end nothing may have gone wrong in it."""
    own = browser.new_context(
        **{"viewport": {"width": 1200, "height": 900}, "locale": "en-US", **context}
    )
    try:
        watched = Watched(own.new_page(), address)
        yield watched
        watched.see_that_all_went_well()
    finally:
        own.close()


def draw(page, strokes):
    """Draw strokes of (x, y), shares of the sheet's height, with the mouse."""
    box = page.locator(".sheet canvas").bounding_box()

    def place(x, y):
        return box["x"] + x * box["height"], box["y"] + y * box["height"]

    for stroke in strokes:
        page.mouse.move(*place(*stroke[0]))
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*place(*point))
        page.mouse.up()


def strokes_of(image):
    """A picture (28, 28), white on black, as level strokes through its ink."""
    strokes = []
    for y, row in enumerate(np.asarray(image) > 110):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
        strokes += [
            [((a + 0.8) / 28, (y + 0.5) / 28), (max(a + 0.9, b - 0.8) / 28, (y + 0.5) / 28)]
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
    return strokes


def answer(page, text, seconds=10):
    """Wait until this was read."""
    until = time.monotonic() + seconds
    while page.locator("#answer").text_content() != text:
        assert time.monotonic() < until, page.locator("#answer").text_content()
        time.sleep(0.05)


def chromium(playwright):
    return playwright.chromium.launch(
        executable_path=support.require_chromium(), args=list(support.CHROMIUM_FLAGS)
    )
