"""Reading with a model and saying how well it reads: predict, metrics, calibration, the record.

    probabilities = evaluation.predict(model, images)        # (N, classes)
    result = evaluation.evaluate(model, splits.test)         # an Evaluation
    print(result.accuracy, result.accuracy_interval)
    result.save("runs/one_conv")                             # evaluation.json, evaluation.npz

predict.py takes pictures in, metrics.py has a function a figure, record.py keeps what was found,
look.py keeps what the network sees of one picture, describe.py says what a kernel responds to,
inspection.py joins these for one model.
"""

from byhand.evaluation.describe import KINDS, KernelDescription, describe_kernel
from byhand.evaluation.inspection import Inspection, LayerPass, inspect
from byhand.evaluation.look import LayerOutput, Look, first_weights, look
from byhand.evaluation.metrics import (
    ClassFigures,
    Confusion,
    Reliability,
    accuracy,
    classification_report,
    confusion_matrix,
    mean_cross_entropy,
    most_confused,
    per_class,
    reliability,
    wilson_interval,
)
from byhand.evaluation.predict import as_pictures, logits, predict
from byhand.evaluation.record import Evaluation, Mistake, check_fits, evaluate

__all__ = [
    "KINDS",
    "ClassFigures",
    "Confusion",
    "Evaluation",
    "Inspection",
    "KernelDescription",
    "LayerOutput",
    "LayerPass",
    "Look",
    "Mistake",
    "Reliability",
    "accuracy",
    "as_pictures",
    "check_fits",
    "classification_report",
    "confusion_matrix",
    "describe_kernel",
    "evaluate",
    "first_weights",
    "inspect",
    "logits",
    "look",
    "mean_cross_entropy",
    "most_confused",
    "per_class",
    "predict",
    "reliability",
    "wilson_interval",
]
