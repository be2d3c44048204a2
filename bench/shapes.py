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

# rows, columns, tokens
EMBEDDINGS = [(96, 128, (64, 32)), (50_000, 256, (64, 64)), (10_000, 64, (8, 16))]
# Parameters of a layer with 256 hidden units, of two LSTM layers with 1024, of many small layers.
PARAMETERS = {
    "LSTM 256": [(1024, 256), (1024, 256), (1024,), (1024,)],
    "LSTM 2x1024": [(4096, 1024), (4096, 1024), (4096,), (4096,)] * 2,
    "60 of 20x20": [(20, 20)] * 60,
}
# Self-organising maps: rows, columns, features, samples.
MAPS = [(10, 10, 4, 150), (12, 12, 64, 1797), (20, 20, 64, 1797), (30, 30, 784, 500)]
