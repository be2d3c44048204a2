"""Prints resident memory, MiB, after each 100 new input shapes: `memory_job.py train|infer`."""

import json
import sys

import fastnn
from fastnn import functional as F
from fastnn import nn, optim


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096 / 2**20


def main(mode):
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Conv2d(12, 10, 1),
    )
    optimizer = optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    every = [(1 + n % 4, 20 + (7 * n) % 50, 20 + n // 50) for n in range(1200)]
    shapes = [every[601 * i % 1200] for i in range(1200)]  # large and small in turns
    assert len(set(shapes)) == 1200
    sizes = []
    for i, (n, h, w) in enumerate(shapes, 1):
        x = fastnn.randn(n, 3, h, w)
        if mode == "train":
            optimizer.zero_grad()
            F.cross_entropy(model(x).mean((2, 3)), fastnn.randint(0, 10, (n,))).backward()
            optimizer.step()
        else:
            with fastnn.no_grad():
                model(x)
        if i % 100 == 0:
            sizes.append(resident())
    print(json.dumps(sizes))


if __name__ == "__main__":
    main(sys.argv[1])
