"""A page whose pictures are drawn and not saved, and what it claims."""

from __future__ import annotations

from byhand.plots import Page, alternative


class Unsaved(Page):
    """Draws, and writes no files, which takes the time."""

    def figure(self, name, drawn, alt="", caption="", wide=False):
        alt = alt or alternative.text_of(getattr(drawn, "figure", None) or drawn)
        self.figures = [*getattr(self, "figures", []), (name, alt)]


def verdicts(page):
    return {claim.statement: claim.holds for claim in page.claims}


def verdict(page, *words):
    """Of the one claim that has all these words."""
    (found,) = [
        claim.holds for claim in page.claims if all(word in claim.statement for word in words)
    ]
    return found
