"""Parameters and buffers by their paths."""

import pytest

from fastnn import nn


def test_parameters_and_buffers_by_path():
    net = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3))
    assert net.get_parameter("0.weight") is net[0].weight
    assert net.get_buffer("1.running_mean") is net[1].running_mean
    assert net[0].get_parameter("weight") is net[0].weight
    with pytest.raises(AttributeError, match="Linear has no parameter 'bias'"):
        net.get_parameter("0.bias")
    with pytest.raises(AttributeError, match="BatchNorm1d has no buffer 'weight'"):
        net.get_buffer("1.weight")
    with pytest.raises(AttributeError, match="Sequential has no module '7'"):
        net.get_buffer("7.running_mean")
