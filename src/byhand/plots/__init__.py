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
from byhand.plots.bands import curves_over_runs, line_with_band
from byhand.plots.compare import compare, compare_size
from byhand.plots.confusion import confusion_matrix
from byhand.plots.curves import (
    accuracy_curves,
    gradient_norms,
    learning_rate_curve,
    loss_curves,
    weight_norms,
)
from byhand.plots.gallery import gallery, gallery_size, mistakes_gallery
from byhand.plots.grids import picture_grid, picture_grid_size
from byhand.plots.histograms import histogram, histograms, histograms_size
from byhand.plots.inspection import write_inspection
from byhand.plots.layers import feature_maps, feature_maps_size, filters, filters_size, norm_bars
from byhand.plots.matrices import matrix, matrix_row, matrix_row_size, spy
from byhand.plots.page import Claim, Heading, Page, write_pages
from byhand.plots.reliability import reliability_diagram
from byhand.plots.report import write_report
from byhand.plots.scatter import xy
from byhand.plots.speed import speed_bars, speed_bars_size
from byhand.plots.style import new_axes, new_figure, save, styled

__all__ = [
    "Claim",
    "Heading",
    "Page",
    "accuracy_curves",
    "augmentation_sheet",
    "augmentation_sheet_size",
    "compare",
    "compare_size",
    "confusion_matrix",
    "curves_over_runs",
    "feature_maps",
    "feature_maps_size",
    "filters",
    "filters_size",
    "gallery",
    "gallery_size",
    "gradient_norms",
    "histogram",
    "histograms",
    "histograms_size",
    "learning_rate_curve",
    "line_with_band",
    "loss_curves",
    "matrix",
    "matrix_row",
    "matrix_row_size",
    "mistakes_gallery",
    "new_axes",
    "new_figure",
    "norm_bars",
    "picture_grid",
    "picture_grid_size",
    "reliability_diagram",
    "save",
    "speed_bars",
    "speed_bars_size",
    "spy",
    "styled",
    "weight_norms",
    "write_inspection",
    "write_pages",
    "write_report",
    "xy",
]
