"""Measured phenomena of networks."""

from .depth import gradient_flow, signal_flow
from .errors import BiasVariance, bias_variance
from .images import (
    ReceptiveField,
    ShiftTest,
    measured_receptive_field,
    receptive_field,
    shift,
    shift_test,
)
from .memory import forgetting_curve

__all__ = [
    "BiasVariance",
    "ReceptiveField",
    "ShiftTest",
    "bias_variance",
    "forgetting_curve",
    "gradient_flow",
    "measured_receptive_field",
    "receptive_field",
    "shift",
    "shift_test",
    "signal_flow",
]
