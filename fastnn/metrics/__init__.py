"""Metrics that gather batch after batch: `update(output, target)`, `compute()`, `reset()`.

Outputs and targets are Tensors or ndarrays; nothing is recorded on the tape. `compute()` without
any sample gives nan (ConfusionMatrix: zeros). Counts are exact integers, sums are float64.
`state_dict()` and `load_state_dict()` hold what was gathered, for checkpoints in the middle of an
epoch.
"""

from .base import Metric
from .classification import F1, Accuracy, ConfusionMatrix, TopK
from .language import Perplexity
from .ranking import AUC
from .regression import MAE, MSE, R2

__all__ = [
    "AUC",
    "F1",
    "MAE",
    "MSE",
    "R2",
    "Accuracy",
    "ConfusionMatrix",
    "Metric",
    "Perplexity",
    "TopK",
]
