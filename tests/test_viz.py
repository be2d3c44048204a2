"""fastnn.viz: what the pictures hold, and their files."""

import numpy as np
import pytest

import fastnn
from fastnn import nn, viz


def images(figure):
    return [a.images[0].get_array() for a in figure.axes if a.images]


def test_kernels_shows_each_output_channel():
    weight = nn.Conv2d(3, 5, (2, 4)).weight
    figure = viz.kernels(weight, channel=1)
    shown = images(figure)
    assert len(shown) == 5
    for k, image in enumerate(shown):
        np.testing.assert_array_equal(image, weight.detach().numpy()[k, 1])
    limits = {a.images[0].get_clim() for a in figure.axes if a.images}
    ((low, high),) = limits  # one scale, zero in its middle
    assert high == -low == np.abs(weight.detach().numpy()[:, 1]).max()


def test_feature_maps_shows_each_channel():
    maps = fastnn.rand(7, 4, 5)
    figure = viz.feature_maps(maps, columns=3)
    np.testing.assert_array_equal(images(figure), maps.numpy())
    assert len(figure.axes) == 9  # 3 x 3, two of them empty
    assert figure.axes[0].images[0].get_clim() == (maps.numpy().min(), maps.numpy().max())


def test_draws_on_a_given_part():
    figure = viz.new_figure(4, 2)
    left, right = figure.subfigures(1, 2)
    assert viz.feature_maps(np.zeros((2, 3, 3)), figure=left) is left
    assert len(left.axes) == 2 and not right.axes


@pytest.mark.parametrize(
    "ending, magic", [(".png", b"\x89PNG"), (".pdf", b"%PDF"), ("", b"\x89PN")]
)
def test_save_by_ending(tmp_path, ending, magic):
    path = tmp_path / f"p{ending}"
    viz.save(viz.feature_maps(np.eye(3)[None]), path)
    assert path.read_bytes().startswith(magic)


def test_an_unknown_format_leaves_the_old_file(tmp_path):
    path = tmp_path / "p.mp3"
    path.write_text("old")
    with pytest.raises(ValueError, match="mp3"):
        viz.save(viz.new_figure(), path)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: viz.kernels(np.zeros((2, 3, 3))), r"shape \(2, 3, 3\), expected \(C_out"),
        (lambda: viz.kernels(np.zeros((2, 1, 3, 3)), channel=1), "channel is 1, weight has 1"),
        (lambda: viz.feature_maps(np.zeros((0, 3, 3))), "not empty"),
    ],
)
def test_bad_arrays_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"fastnn-cpu\[plot\]"):
        viz.new_figure()
