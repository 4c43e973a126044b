"""The networks by name, a page each.

    model = byhand.models.build("lenet5", numpy.random.default_rng(0))

A page describes one network: what it is made of, its sizes layer by layer, where it comes from.
trained/ has copies that were trained: `byhand.load(byhand.models.trained_files()["lenet5"])`.
"""

from byhand.models.build import build, names, options, trained_files

__all__ = ["build", "names", "options", "trained_files"]
