"""Spoilt files end in pictures or in byhand's errors, and changed pictures in pages, in bounds."""

from __future__ import annotations

import numpy as np
import pytest
from mutants import mutant, seeds

from byhand.errors import ByhandError
from byhand.reader.picture import open_pages
from byhand.reader.pixels import WORKING_SIDE

FILES = seeds()
MUTANTS = 110  # of each file; more than 3,000 in all
EOF
