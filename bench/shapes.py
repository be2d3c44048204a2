"""Layers of real networks: (name, N, C_in, H, C_out, kernel, stride, padding), images square."""

CONV = [
    ("lenet conv1", 64, 1, 28, 6, 5, 1, 2),
    ("lenet conv2", 64, 6, 14, 16, 5, 1, 0),
    ("resnet 64x32", 8, 64, 32, 64, 3, 1, 1),
    ("resnet 128x16", 8, 128, 16, 128, 3, 1, 1),
    ("resnet down", 8, 64, 32, 128, 3, 2, 1),
    ("resnet 1x1", 8, 64, 28, 128, 1, 1, 0),
]
ELEMENTS = 1 << 20
LINEAR = [("lenet", 64, 400, 120), ("mlp", 128, 784, 512), ("tiny", 1, 4, 16)]
