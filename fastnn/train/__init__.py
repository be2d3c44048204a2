"""Training: Trainer, History, callbacks, checkpoints."""

from .callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    JSONLLogger,
    LambdaCallback,
    ModelCheckpoint,
    TerminateOnNaN,
)
from .checkpoint import weights_sha256
from .history import History
from .language import tbptt_epoch, tbptt_loss
from .monitors import EMA, GradientFlow, LRMonitor
from .progress import ProgressBar
from .range_test import LRFind, lr_find
from .stopping import StopAtLoss, StopOnPlateau
from .trainer import Trainer

__all__ = [
    "EMA",
    "GradientFlow",
    "LRFind",
    "LRMonitor",
    "lr_find",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "JSONLLogger",
    "LambdaCallback",
    "ModelCheckpoint",
    "ProgressBar",
    "StopAtLoss",
    "StopOnPlateau",
    "TerminateOnNaN",
    "Trainer",
    "tbptt_epoch",
    "tbptt_loss",
    "weights_sha256",
]
