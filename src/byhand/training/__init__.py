"""Training: a generator of records, checkpoints to go on from, and what the numbers say.

    for record in training.fit(model, train, rng=rng, validation=validation, epochs=10):
        print(record.epoch, record.validation_accuracy)

fit.py is the loop, trainer.py what it does for a batch and at an epoch's end (epoch.py: scores),
settings.py what can be set, beforehand.py what is looked at before, records.py what it tells,
state.py where it stands, checkpoint.py how it goes on after a stop, group.py who shares the work
(mpi.py: several processes), diagnose.py what the numbers mean, environment.py what it ran on.
"""

from byhand.training.beforehand import SEEDS, notes
from byhand.training.checkpoint import load_checkpoint, read_metadata, save_checkpoint
from byhand.training.diagnose import Diverged, run_diagnoses, told_once
from byhand.training.environment import arithmetic, machine, versions
from byhand.training.epoch import EarlyStopping, restore_best, score
from byhand.training.fit import fit
from byhand.training.group import ALONE, Group
from byhand.training.records import Diagnosis, EpochRecord, StepRecord
from byhand.training.settings import Settings
from byhand.training.state import TrainingState, new_state

__all__ = [
    "ALONE",
    "SEEDS",
    "Diagnosis",
    "Diverged",
    "EarlyStopping",
    "EpochRecord",
    "Group",
    "Settings",
    "StepRecord",
    "TrainingState",
    "arithmetic",
    "fit",
    "load_checkpoint",
    "machine",
    "new_state",
    "notes",
    "read_metadata",
    "restore_best",
    "run_diagnoses",
    "save_checkpoint",
    "score",
    "told_once",
    "versions",
]
