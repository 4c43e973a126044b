"""Any picture to the digits in it: a drawing, a photograph of a page, a form, a ruled grid.

In the order of a picture's way: `picture` opens it, `ink` tells pen from paper, `pieces`, `lines`
and `turn` find the writing (`find` is all three), `grid` the cells of a table; `cut` takes a line
apart into digits; `normalise` makes each look as in MNIST; `recognise` reads it. `page` is what
comes out, `reader` the whole.
"""

from byhand.reader.page import Digit, Line, Page
from byhand.reader.picture import Picture, open_pages, open_picture
from byhand.reader.reader import Reader
from byhand.reader.recognise import Recogniser

__all__ = [
    "Digit",
    "Line",
    "Page",
    "Picture",
    "Reader",
    "Recogniser",
    "open_pages",
    "open_picture",
]
