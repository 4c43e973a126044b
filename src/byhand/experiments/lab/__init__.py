"""The lab: what every experiment is made with.

experiment.py says what an experiment is, lab.py is what `measure` is given: data, seeds, scales,
trainings. workers.py does tasks side by side and keeps them, train.py is the task of training,
statistics.py and outcomes.py say what several seeds allow to be said; variants.py is for
experiments that train one network in several variants, readings.py and first_kernels.py look at
what trained networks read and at their first kernels. record.py keeps records, run.py makes an
experiment's folder and page, studies.py is what pages cite.
"""

from byhand.experiments.lab.experiment import Experiment, Record, get, names
from byhand.experiments.lab.lab import FULL, QUICK, SCALES, SMOKE, Lab, Scale, check_seeds
from byhand.experiments.lab.train import Trained
from byhand.experiments.lab.workers import Workers

__all__ = [
    "FULL", "QUICK", "SCALES", "SMOKE", "Experiment", "Lab", "Record", "Scale", "Trained",
    "Workers", "check_seeds", "get", "names",
]  # fmt: skip
