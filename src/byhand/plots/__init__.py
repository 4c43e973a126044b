"""Pictures of records: the only room that imports matplotlib, and it computes nothing but layout.

Each function takes a record or arrays and an axis (or a figure, where it needs several axes),
draws, and returns what it was given:

    ax = plots.new_axes()
    plots.loss_curves(epochs, ax)
    plots.save(ax.figure, "loss.png")

style.py is the common look, report.py joins all pictures of a run in one page, page.py is the page
of an experiment.
"""

from byhand.plots.augmentations import augmentation_sheet, augmentation_sheet_size
from byhand.plots.confusion import confusion_matrix
from byhand.plots.curves import (
    accuracy_curves,
    gradient_norms,
    learning_rate_curve,
    loss_curves,
    weight_norms,
)
from byhand.plots.gallery import gallery, gallery_size, mistakes_gallery
from byhand.plots.layers import feature_maps, feature_maps_size, filters, filters_size, norm_bars
from byhand.plots.page import Claim, Heading, Page, write_pages
from byhand.plots.reliability import reliability_diagram
from byhand.plots.report import write_report
from byhand.plots.speed import speed_bars, speed_bars_size
from byhand.plots.style import new_axes, new_figure, save, styled

__all__ = [
    "Claim",
    "Heading",
    "Page",
    "accuracy_curves",
    "augmentation_sheet",
    "augmentation_sheet_size",
    "confusion_matrix",
    "feature_maps",
    "feature_maps_size",
    "filters",
    "filters_size",
    "gallery",
    "gallery_size",
    "gradient_norms",
    "learning_rate_curve",
    "loss_curves",
    "mistakes_gallery",
    "new_axes",
    "new_figure",
    "norm_bars",
    "reliability_diagram",
    "save",
    "speed_bars",
    "speed_bars_size",
    "styled",
    "weight_norms",
    "write_pages",
    "write_report",
]
