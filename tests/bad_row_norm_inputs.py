"""Rows of wrong arguments for bad_input_table.py: row norms, weight norms, dropout of channels."""

import fastnn
from fastnn import functional as F
from fastnn import nn

x = fastnn.ones(2, 4, 6)
ROW_NORM_ROWS = {"row norms": [
    ("layer: shape", lambda: F.layer_norm(x, 5), ValueError, "last axes are not normalized_shape"),
    ("layer: weight", lambda: F.layer_norm(x, 6, fastnn.ones(5)), ValueError, "weight has shape"),
    ("layer: eps", lambda: nn.LayerNorm(6, -1.0), ValueError, "LayerNorm: eps is"),
    ("layer: no sizes", lambda: nn.LayerNorm(()), ValueError, "expected at least one size"),
    ("rms: integers", lambda: F.rms_norm(x.int(), 6), TypeError, "input has dtype int32"),
    ("group: groups", lambda: F.group_norm(x, 3), ValueError, "does not divide the 4 channels"),
    ("group: layer", lambda: nn.GroupNorm(3, 4), ValueError, "num_groups=3 does not divide"),
    ("instance: plane", lambda: F.instance_norm(fastnn.ones(2, 3, 1)),
     ValueError, "more than 1 element in a plane"),
    ("instance: running", lambda: F.instance_norm(x, use_input_stats=False),
     ValueError, "running_mean is None"),
    ("normalize: p", lambda: F.normalize(x, 0.0), ValueError, "normalize: p is 0.0"),
    ("dropout2d: rank", lambda: F.dropout2d(fastnn.ones(3)), ValueError, "expected 4D or 3D"),
    ("noise", lambda: nn.GaussianNoise(-1.0), ValueError, "sigma is -1.0"),
    ("weight norm", lambda: nn.utils.weight_norm(nn.ReLU()), ValueError, "no parameter 'weight'"),
    ("spectral", lambda: nn.utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0),
     ValueError, "n_power_iterations is 0"),
    ("max norm", lambda: nn.utils.max_norm_(fastnn.ones(3), 1.0), ValueError, "expected two axes"),
]}  # fmt: skip
