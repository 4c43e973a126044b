"""Experiments: the tables and figures of well-known studies, redone by one command each.

    byhand experiment channels        # or list, or all

A page of this folder, or a folder where a page has a part of its own, is one experiment:
`measure(lab)` computes a record, `report(record, page)` tells it. lab/ is what they are made with.
"""

from byhand.experiments.lab import FULL, QUICK, SCALES, SMOKE, Lab, Scale
from byhand.experiments.lab.experiment import Experiment, Record, get, names
from byhand.experiments.lab.run import Finished, apply, redrawn, run, write_all
from byhand.experiments.lab.statistics import Difference, deviation, difference, mean, say
from byhand.experiments.lab.train import Trained
from byhand.experiments.lab.workers import Workers

__all__ = [
    "FULL", "QUICK", "SCALES", "SMOKE", "Difference", "Experiment", "Finished", "Lab", "Record",
    "Scale", "Trained", "Workers", "apply", "deviation", "difference", "get", "mean", "names",
    "redrawn", "run", "say", "write_all",
]  # fmt: skip
