"""Experiments: the tables and figures of well-known studies, redone by one command each.

    byhand experiment channels        # or list, or all

A page of this folder is one experiment: `measure(lab)` computes a record, `report(record, page)`
tells it. The parts they are made of: experiment.py says what an experiment is, lab.py what it works
with, sweep.py what many have in common, statistics.py what several seeds allow to be said;
workers.py does tasks side by side and keeps them, train.py is the task of training, record.py keeps
records, run.py makes the folder and the page.
"""

from byhand.experiments.experiment import Experiment, Record, get, names
from byhand.experiments.lab import FULL, QUICK, SCALES, SMOKE, Lab, Scale
from byhand.experiments.run import Finished, apply, redrawn, run, write_all
from byhand.experiments.statistics import Difference, deviation, difference, mean, say
from byhand.experiments.train import Trained
from byhand.experiments.workers import Workers

__all__ = [
    "FULL",
    "QUICK",
    "SCALES",
    "SMOKE",
    "Difference",
    "Experiment",
    "Finished",
    "Lab",
    "Record",
    "Scale",
    "Trained",
    "Workers",
    "apply",
    "deviation",
    "difference",
    "get",
    "mean",
    "names",
    "redrawn",
    "run",
    "say",
    "write_all",
]
