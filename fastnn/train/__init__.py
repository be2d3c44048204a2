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
from .progress import ProgressBar
from .trainer import Trainer

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "JSONLLogger",
    "LambdaCallback",
    "ModelCheckpoint",
    "ProgressBar",
    "TerminateOnNaN",
    "Trainer",
    "tbptt_epoch",
    "tbptt_loss",
    "weights_sha256",
]
