"""Operators at special values, and what both backends refuse.

Kernels and oracle are asked alike; kernels on every CPU level.
"""

import numpy as np
import pytest

import fastnn
from fastnn import _kernels as kernels
from fastnn import reference
from fastnn._kernels import _csrc

inf, nan = np.inf, np.nan
BACKENDS = [*_csrc.available_isas(), "reference"]


@pytest.fixture(params=BACKENDS)
def k(request):
    """The kernels on one CPU level, or the oracle."""
    if request.param == "reference":
        yield reference
        return
    level = _csrc.force_isa(request.param)
    yield kernels
    _csrc.force_isa(level)


@pytest.fixture(params=["kernels", "reference"])
def either(request):
    return {"kernels": kernels, "reference": reference}[request.param]


def f32(*values) -> np.ndarray:
    return np.array(values, np.float32)


def same(got, want) -> bool:
    """Equal numbers, NaN where NaN is, zeros of one sign."""
    want = np.asarray(want, np.float32)
    zeros = (got == 0) & (want == 0)
    return np.array_equal(got, want, equal_nan=True) and np.array_equal(
        np.signbit(got[zeros]), np.signbit(want[zeros])
    )


ELEMENTWISE = [
    ("relu", (nan, inf, -inf, 3.4e38, -3.4e38, 1), (nan, inf, 0, 3.4e38, 0, 1)),
    ("tanh", (nan, inf, -inf, 0.0, -0.0, 100, -100), (nan, 1, -1, 0.0, -0.0, 1, -1)),
    ("sigmoid", (nan, inf, -inf, 0, 1000, -1000), (nan, 1, 0, 0.5, 1, 0)),
    ("exp", (nan, inf, -inf, 0.0, -0.0, 89, -200), (nan, inf, 0, 1, 1, inf, 0)),
    ("log", (nan, inf, 1, 0.0, -0.0, -1, -inf), (nan, inf, 0, -inf, -inf, nan, nan)),
]


@pytest.mark.parametrize("count", (1, 3, 20))
@pytest.mark.parametrize("name, x, y", ELEMENTWISE, ids=[row[0] for row in ELEMENTWISE])
def test_elementwise(k, name, x, y, count):
    """Alone, in a vector's tail and in whole vectors."""
    got = getattr(k, f"{name}_forward")(np.tile(f32(*x), count))
    assert same(got, np.tile(f32(*y), count))


def test_activation_gradients_keep_nan(k):
    dy, y = f32(nan, 1, nan, 2), f32(1, nan, 0.5, 0)
    assert same(k.relu_backward(dy, y), (nan, 0, nan, 0))
    assert same(k.tanh_backward(dy, y), (nan, nan, nan, 2))
    assert same(k.sigmoid_backward(dy, y), (nan, nan, nan, 0))


@pytest.mark.parametrize("c", (2, 10, 40))
def test_softmax(k, c):
    x = np.zeros((5, c), np.float32)
    x[0, 0], x[1, 0], x[2, 0], x[3], x[4] = -inf, nan, inf, 3e38, -inf
    y, log_y = k.softmax_forward(x), k.log_softmax_forward(x)
    assert y[0, 0] == 0 and np.allclose(y[0, 1:], 1 / (c - 1), rtol=1e-6)
    assert log_y[0, 0] == -inf and np.allclose(log_y[0, 1:], -np.log(c - 1), rtol=1e-6)
    # A bad row spoils itself only; its sum, infinity or 0, gives NaN as in PyTorch.
    assert np.isnan(y[[1, 4]]).all() and np.isnan(log_y[[1, 4]]).all()
    assert np.isnan(y[2, 0]) and np.isnan(log_y[2, 0])
    assert np.allclose(y[3], 1 / c, rtol=1e-6) and np.allclose(log_y[3], -np.log(c), rtol=1e-6)


def test_nan_and_infinity_pass_through_products(k):
    """One bad number reaches the outputs that it is a term of, and no others."""
    x = np.ones((9, 5), np.float32)
    x[2, 3], x[4, 1] = nan, inf
    weight = np.ones((20, 5), np.float32)
    for activation in (None, "relu"):
        y = k.linear_forward(x, weight, None, activation)
        assert np.isnan(y[2]).all() and (y[4] == inf).all()
        assert (np.delete(y, (2, 4), axis=0) == 5).all()
    assert (k.linear_forward(-x, weight, None, "relu")[4] == 0).all()
    assert np.isnan(k.matmul(x, np.zeros((5, 20), np.float32))[4]).all()


@pytest.mark.parametrize("shape", ((16, 300, 200), (120, 2600, 600), (200, 1200, 300)))
def test_either_side_of_a_product_may_be_packed(k, shape):
    """A transposed B is read in place, in one block of rows or several: no bit tells."""
    if k is reference:
        pytest.skip("the reference packs nothing")
    m, n_terms, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(m, n_terms)), rng.normal(size=(n_terms, n))
    a, b, bias = (v.astype(np.float32) for v in (a, b, rng.normal(size=n)))
    turned = np.ascontiguousarray(b.T)
    for threads in (1, 3):
        with fastnn.threads(threads):
            got = k.matmul(a, turned, False, True, bias, "relu")
            assert got.tobytes() == k.matmul(a, b, False, False, bias, "relu").tobytes()


@pytest.mark.parametrize("c_out", (3, 20, 40))  # the three ways to convolve
def test_nan_in_an_image(k, c_out):
    x = np.ones((2, 2, 12, 12), np.float32)
    x[1, 0, 5, 6] = nan
    weight = np.ones((c_out, 2, 3, 3), np.float32)
    y = k.conv2d_forward(x, weight, None, (1, 1), (0, 0), (1, 1), 1, "relu")
    reached = np.zeros(y.shape, bool)
    reached[1, :, 3:6, 4:7] = True
    assert np.isnan(y[reached]).all() and (y[~reached] == 18).all()


def test_convolution_over_no_channels(k):
    """Outputs are act(0); and without outputs the gradient is 0, of large images too."""
    x, geometry = np.ones((2, 0, 3, 4), np.float32), ((1, 1), (0, 0), (1, 1), 1)
    for activation, want in ((None, 0), ("relu", 0), ("tanh", 0), ("sigmoid", 0.5)):
        y = k.conv2d_forward(x, np.ones((5, 0, 1, 1), np.float32), None, *geometry, activation)
        assert y.shape == (2, 5, 3, 4) and (y == want).all()
    size = (4, 4, 256, 256)
    dy, weight = np.ones((4, 0, 256, 256), np.float32), np.ones((0, 4, 1, 1), np.float32)
    dx = k.conv2d_backward_input(dy, weight, size, *geometry)
    assert dx.shape == size and not dx.any()


def test_infinity_below_zeros_of_a_gradient_whatever_the_threads():
    """A chunk of images decides by itself whether it skips the zeros of dy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 8, 20, 20)).astype(np.float32)
    dy = rng.normal(size=(16, 16, 20, 20)).astype(np.float32)
    dy[8:] *= rng.random(dy[8:].shape) < 0.05
    x[15, 0, 3, 3], dy[15, :, 2:5, 2:5] = inf, 0
    found = set()
    for threads in (1, 2, 3, 2, 3, 2, 3):
        with fastnn.threads(threads):
            found.add(
                kernels.conv2d_backward_weight(dy, x, (3, 3), (1, 1), (1, 1), (1, 1), 1).tobytes()
            )
    assert len(found) == 1


@pytest.mark.parametrize("kernel", ((2, 2), (1, 4)))
def test_max_pool(k, kernel):
    """The first of equals, the last NaN; -inf is a number; relu keeps NaN."""
    x = np.full((1, 1, 2, 48), -inf, np.float32)
    windows = {0: (nan, 1), 4: (1, nan), 8: (nan, nan), 12: (5, 5), 16: (-2, -1), 20: (-1, -inf)}
    for column, values in windows.items():
        x[0, 0, 0, column : column + 2] = values
    y, index = k.max_pool2d_forward(x, kernel, kernel[:1] + (4,), (0, 0), (1, 1), False, None)
    assert same(y[0, 0, 0, :6], (nan, nan, nan, 5, -1, -1))
    assert index[0, 0, 0, :6].tolist() == [0, 5, 9, 12, 17, 20]
    assert y[0, 0, 0, 7] == -inf and index[0, 0, 0, 7] == 28
    y, again = k.max_pool2d_forward(x, kernel, kernel[:1] + (4,), (0, 0), (1, 1), False, "relu")
    assert same(np.abs(y[0, 0, 0, :8]), (nan, nan, nan, 5, 0, 0, 0, 0))
    assert np.array_equal(index, again)


def test_max_pool_2x2_special_values(k):
    """The same through the path of 2x2 windows, whose rows are whole vectors."""
    x = np.full((1, 1, 2, 80), -1, np.float32)
    x[0, 0, 0, 0], x[0, 0, 1, 3], x[0, 0, :, 4:6], x[0, 0, :, 6:8] = nan, nan, 7, -inf
    y, index = k.max_pool2d_forward(x, (2, 2), (2, 2), (0, 0), (1, 1), False, "relu")
    assert same(np.abs(y[0, 0, 0, :5]), (nan, nan, 7, 0, 0))
    assert index[0, 0, 0, :5].tolist() == [0, 83, 4, 6, 8]
    dx = k.max_pool2d_backward(np.ones_like(y), index, x.shape, y, "relu")
    assert dx.sum() == 1 and dx[0, 0, 0, 4] == 1  # not where y is NaN or 0


def test_windows_of_padding(k):
    """With dilation a window may see nothing but padding: -inf, and no gradient."""
    x = np.ones((1, 1, 1, 3), np.float32)
    y, index = k.max_pool2d_forward(x, (2, 2), (1, 1), (1, 1), (2, 2), False, None)
    assert same(y, np.full((1, 1, 1, 3), -inf)) and (index == -1).all()
    assert not k.max_pool2d_backward(np.ones_like(y), index, x.shape, y, None).any()


def test_losses(k):
    logits = np.array([[0, -inf, 0], [nan, 0, 0], [1e4, 0, -1e4]], np.float32)
    target = np.array([0, -100, 2])
    loss, probs = k.cross_entropy_forward(logits, target, None, -100, "none", 0.0)
    assert np.allclose(loss, (np.log(2), 0, 2e4), rtol=1e-6)  # an ignored NaN costs nothing
    assert np.allclose(probs[0], (0.5, 0, 0.5)) and same(probs[2], (1, 0, 0))
    wrong, _ = k.cross_entropy_forward(logits[:1], np.array([1]), None, -100, "sum", 0.0)
    assert wrong == inf
    grad = k.cross_entropy_backward(f32(1, 1, 1), probs, target, None, -100, "none", 0.0)
    assert not grad[1].any() and same(grad[2], (1, 0, -1))
    assert np.isnan(k.mse_forward(f32(), f32(), "mean"))
    assert k.mse_forward(f32(), f32(), "sum") == 0
    assert k.mse_backward(np.asarray(f32(1)[0]), f32(), f32(), "mean").shape == (0,)


def test_all_targets_ignored(k):
    """The mean over no rows is 0 (PyTorch: NaN), so that such a batch does no harm."""
    logits, target = np.ones((3, 4), np.float32), np.full(3, 7)
    for reduction in ("mean", "sum"):
        loss, probs = k.cross_entropy_forward(logits, target, None, 7, reduction, 0.1)
        assert loss == 0 and loss.shape == ()
        one = np.ones((), np.float32)
        grad = k.cross_entropy_backward(one, probs, target, None, 7, reduction, 0.1)
        assert grad.shape == (3, 4) and not grad.any()


def test_gradients_that_are_not_needed(either):
    x, weight, dy = (np.ones(shape, np.float32) for shape in ((2, 3), (4, 3), (2, 4)))
    for needs in ((True, False, False), (False, True, False), (False, False, True), (False,) * 3):
        grads = either.linear_backward(dy, x, weight, None, None, needs)
        assert [grad is not None for grad in grads] == list(needs)


WRONG_SHAPES = [  # NumPy would broadcast most of these
    ("matmul", [(2, 3), (2, 3)]),
    ("linear_forward", [(2, 3), (4, 3), (1,), None]),
    ("linear_forward", [(2, 1), (4, 3), (4,), None]),
    ("linear_backward", [(2, 1), (2, 3), (4, 3), None, None, (True, True, True)]),
    ("linear_backward", [(2, 4), (2, 3), (4, 3), (2, 1), "relu", (True, True, True)]),
    ("relu_backward", [(1, 3), (2, 3)]),
    ("tanh_backward", [(3,), (2, 3)]),
    ("softmax_forward", [(3,)]),
    ("softmax_backward", [(1, 3), (2, 3)]),
    ("conv2d_forward", [(1, 2, 5, 5), (4, 1, 3, 3), None, (1, 1), (0, 0), (1, 1), 1, None]),
    ("conv2d_forward", [(1, 2, 5, 5), (4, 2, 3, 3), (1,), (1, 1), (0, 0), (1, 1), 1, None]),
    ("conv2d_forward", [(1, 2, 2, 5), (4, 2, 3, 3), None, (1, 1), (0, 0), (1, 1), 1, None]),
    ("conv2d_forward", [(1, 3, 5, 5), (4, 1, 3, 3), None, (1, 1), (0, 0), (1, 1), 3, None]),
    ("conv2d_forward", [(1, 2, 5, 5), (4, 2, 3, 3), None, (0, 1), (0, 0), (1, 1), 1, None]),
    ("conv2d_backward_input", [(1, 4, 1, 3), (4, 2, 3, 3), (1, 2, 5, 5), *[(1, 1)] * 3, 1]),
    ("conv2d_backward_weight", [(1, 4, 1, 3), (1, 2, 5, 5), (3, 3), *[(1, 1)] * 3, 1]),
    ("conv2d_backward_bias", [(4, 3, 3)]),
    ("max_pool2d_forward", [(1, 1, 4, 4), (2, 2), (2, 2), (2, 2), (1, 1), False, None]),
    ("avg_pool2d_forward", [(1, 1, 4, 4), (5, 5), (2, 2), (0, 0), False, True]),
    ("avg_pool2d_backward", [(1, 1, 1, 2), (1, 1, 4, 4), (2, 2), (2, 2), (0, 0), False, True]),
    ("mse_forward", [(2, 3), (1, 3), "mean"]),
    ("mse_backward", [(1, 3), (2, 3), (2, 3), "none"]),
    ("sum_axis", [(2, 3)]),
]
SHAPES_OF = {"max_pool2d_forward": 1, "avg_pool2d_forward": 1, "avg_pool2d_backward": 1}
SHAPES_OF |= {"conv2d_forward": 3, "conv2d_backward_input": 2, "conv2d_backward_weight": 2}


@pytest.mark.parametrize("name, arguments", WRONG_SHAPES)
def test_wrong_shapes(either, name, arguments):
    n = SHAPES_OF.get(name, 4)
    arrays = [
        np.ones(a, np.float32) if isinstance(a, tuple) and a and type(a[0]) is int and i < n else a
        for i, a in enumerate(arguments)
    ]
    with pytest.raises(ValueError):
        getattr(either, name)(*arrays)


def test_wrong_dtypes(either):
    x = np.ones((2, 2), np.float32)
    for bad in (x.astype(np.float16), x.astype(np.int64), x.tolist()):
        with pytest.raises(TypeError, match="x "):
            either.relu_forward(bad)
    with pytest.raises(TypeError, match="weight has dtype"):
        either.linear_forward(x, np.ones((2, 2), np.float16), None, None)
    with pytest.raises(ValueError, match="activation must be"):
        either.linear_forward(x, x, None, "gelu")


def test_wrong_labels_and_indices(either):
    logits = np.ones((3, 4), np.float32)
    for bad, message in ((4, r"target\[1\] is 4, "), (-1, r"target\[1\] is -1, ")):
        target = np.array([0, bad, 7])
        with pytest.raises(IndexError, match=message):
            either.cross_entropy_forward(logits, target, None, -100, "mean", 0.0)
        with pytest.raises(IndexError, match=message):
            one = np.ones((), np.float32)
            either.cross_entropy_backward(one, logits, target, None, -100, "mean", 0.0)
    with pytest.raises(IndexError, match=r"index\[2\] is -1"):
        either.gather_rows(logits, np.array([0, 1, -1]))
    with pytest.raises(IndexError, match=r"index\[0\] is 3, expected 0 <= index < 3"):
        either.gather_rows(logits, np.array([3, 5]))
    with pytest.raises(TypeError, match="int64"):
        either.gather_rows(logits, np.array([0], np.int32))
    with pytest.raises(ValueError, match="reduction must be"):
        either.cross_entropy_forward(logits, np.array([0, 1, 2]), None, -100, "avg", 0.0)


def test_wrong_lists(either):
    p = [np.ones(3, np.float32)]
    sgd = (0.1, 0.9, 0.0, 0.0, False, False, 0.0, False)
    for params, grads, buffers in ((p, [], p), (p, [np.ones(1, np.float32)], p), (p, p, [])):
        with pytest.raises(ValueError):
            either.sgd_step(params, grads, buffers, *sgd)
    adam = (1, 0.1, 0.9, 0.999, 1e-8, 0.0, 0.0, False)
    with pytest.raises(ValueError):
        either.adam_step(p, p, p, [np.ones(1, np.float32)], *adam)
    assert (p[0] == 1).all()


@pytest.mark.parametrize("rows", [300, 100_000])
def test_long_sums_keep_their_digits(rows):
    """One float32 chain over 100,000 rows would be off by a percent."""
    x = np.full((rows, 3), 0.1, np.float32)
    want = rows * np.float64(np.float32(0.1))
    for y in (
        kernels.sum_axis(x[None])[0],
        kernels.sum_axis(np.ascontiguousarray(x.T)[:, :, None])[:, 0],
        kernels.linear_backward(x, x, np.eye(3, dtype=np.float32), x, None, (False, False, True))[
            2
        ],
        kernels.conv2d_backward_bias(np.ascontiguousarray(x.T)[None, :, :, None]),
        kernels.conv2d_backward_bias(x[:, :, None, None]),
    ):
        assert np.allclose(y, want, rtol=2e-6, atol=0)
    zeros = np.zeros((rows, 2), np.float32)
    loss, _ = kernels.cross_entropy_forward(
        zeros, np.zeros(rows, np.int64), None, -100, "mean", 0.0
    )
    assert abs(loss - np.log(2)) < 1e-6


def test_padded_images_beyond_all_size_are_refused():
    x, weight = np.ones((1, 1, 4, 4), np.float32), np.ones((2, 1, 3, 3), np.float32)
    far = (2**31 - 1, 2**31 - 1), (2**31 - 2, 2**31 - 2), (1, 1), 1
    with pytest.raises(MemoryError, match="padding"):
        kernels.conv2d_forward(x, weight, None, *far, None)
    with pytest.raises(MemoryError, match="padding"):
        kernels.conv2d_backward_input(x, weight, (1, 1, 4, 4), *far)


def test_a_convolution_without_input_channels_is_its_bias():
    for channels in (4, 20, 40):
        x, weight = np.ones((1, 0, 4, 4), np.float32), np.ones((channels, 0, 1, 1), np.float32)
        bias = np.arange(channels, dtype=np.float32)
        y = kernels.conv2d_forward(x, weight, bias, (1, 1), (0, 0), (1, 1), 1, None)
        assert np.array_equal(y, np.broadcast_to(bias[:, None, None], (1, channels, 4, 4)))


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_cross_entropy_does_not_lose_digits_to_an_offset(offset):
    rng = np.random.default_rng(0)
    logits = (rng.integers(-8, 8, (30, 10)) / 4 + offset).astype(np.float32)
    target = rng.integers(0, 10, 30)
    for smoothing in (0.0, 0.1):
        args = target, None, -100, "none", smoothing
        got, _ = kernels.cross_entropy_forward(logits, *args)
        want, _ = reference.cross_entropy_forward(logits.astype(np.float64), *args)
        assert np.allclose(got, want, rtol=1e-6, atol=1e-7)


def test_foreign_byte_orders_are_refused():
    with pytest.raises(TypeError, match="byte order"):
        kernels.gather_rows(np.arange(4, dtype=">i4"), np.array([1, 2]))
    with pytest.raises(TypeError, match="index"):
        kernels.gather_rows(np.arange(4.0), np.array([1, 2], ">i8"))
    with pytest.raises(TypeError, match="target"):
        kernels.cross_entropy_forward(
            np.ones((2, 3), np.float32), np.array([1, 2], ">i8"), None, -100, "mean", 0.0
        )


def test_optimizer_steps_compare_shapes():
    p, g = np.ones((3, 4), np.float32), np.ones((4, 3), np.float32)
    with pytest.raises(ValueError, match="grads"):
        kernels.sgd_step([p], [g], None, 0.1, 0.0, 0.0, 0.0, False, False, 0.0, False)


def test_a_depthwise_weight_gradient_sees_its_own_pixels_only():
    """An infinity that a tap never meets does not reach it, also not as 0 x inf."""
    x = np.ones((1, 2, 6, 6), np.float32)
    x[0, 0, -1, -1] = np.inf
    dy = np.ones((1, 2, 4, 4), np.float32)
    window = (3, 3), (1, 1), (0, 0), (1, 1), 2
    got = kernels.conv2d_backward_weight(dy, x, *window)
    want = reference.conv2d_backward_weight(dy, x, *window)
    assert np.array_equal(got, want) and np.isfinite(want).sum() == 17


def test_a_stride_beyond_the_image_costs_nothing():
    dy, weight = np.ones((1, 1, 1, 1), np.float32), np.ones((1, 1, 2, 2), np.float32)
    window = (10_000, 10_000), (0, 0), (1, 1), 1
    got = kernels.conv2d_backward_input(dy, weight, (1, 1, 3, 3), *window)
    assert got.tolist() == [[[[1, 1, 0], [1, 1, 0], [0, 0, 0]]]]
