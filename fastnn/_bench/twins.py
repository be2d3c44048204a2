"""The networks of the workloads, built from torch.nn: torchvision's AlexNet and ResNet, the 1-D
network; the dense ones, LeNet-5, DCGAN's halves and the recurrent ones take any library of that
vocabulary."""

from __future__ import annotations

from typing import Any


def mlp(nn: Any) -> Any:
    """T1's network."""
    return nn.Sequential(
        *(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    )


def vae(nn: Any) -> Any:
    """T10's network (Kingma & Welling 2014): x (N, 784) and noise (N, 20) -> logits of the pixels,
    mean and logarithm of the variance of the code."""

    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.relu = nn.Linear(784, 400), nn.ReLU()
            self.mean, self.log_var = nn.Linear(400, 20), nn.Linear(400, 20)
            self.decoder, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x: Any, noise: Any) -> Any:
            h = self.relu(self.encoder(x))
            mean, log_var = self.mean(h), self.log_var(h)
            code = mean + noise * (0.5 * log_var).exp()
            return self.pixels(self.relu(self.decoder(code))), mean, log_var

    return VAE()


def autoencoder(nn: Any) -> Any:
    """T12's network: (N, 784) -> (N, 784)."""
    return nn.Sequential(
        *(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU()),
        *(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784)),
    )


def lenet(nn: Any) -> Any:
    """T3's network."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def alexnet(num_classes: int = 1000, dropout: float = 0.5) -> Any:
    """torchvision.models.alexnet."""
    from torch import nn

    class AlexNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                *(nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2)),
                *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2)),
                *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(True)),
                *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(True)),
                *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(3, 2)),
            )
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(
                *(nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(True)),
                *(nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(True)),
                nn.Linear(4096, num_classes),
            )

        def forward(self, x: Any) -> Any:
            return self.classifier(self.avgpool(self.features(x)).flatten(1))

    return AlexNet()


def resnet(
    layers: tuple[int, ...] = (2, 2, 2, 2),
    num_classes: int = 1000,
    *,
    bottleneck: bool = False,
    small_images: bool = False,
    width: int = 64,
) -> Any:
    """torchvision.models.resnet18 (34, 50 with other layers and blocks)."""
    from torch import nn

    expansion = 4 if bottleneck else 1

    class Block(nn.Module):
        def __init__(self, n_in: int, planes: int, stride: int) -> None:
            super().__init__()
            out = planes * expansion
            if bottleneck:
                shapes = [(n_in, planes, 1, 1), (planes, planes, 3, stride), (planes, out, 1, 1)]
            else:
                shapes = [(n_in, planes, 3, stride), (planes, planes, 3, 1)]
            self.count = len(shapes)
            for i, (a, b, kernel, s) in enumerate(shapes, 1):
                self.add_module(f"conv{i}", nn.Conv2d(a, b, kernel, s, kernel // 2, bias=False))
                self.add_module(f"bn{i}", nn.BatchNorm2d(b))
            self.relu = nn.ReLU(inplace=True)
            self.downsample = nn.Sequential()
            if stride != 1 or n_in != out:
                self.downsample = nn.Sequential(
                    nn.Conv2d(n_in, out, 1, stride, bias=False), nn.BatchNorm2d(out)
                )

        def forward(self, x: Any) -> Any:
            y = x
            for i in range(1, self.count + 1):
                y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
                if i < self.count:
                    y = self.relu(y)
            y += self.downsample(x)
            return self.relu(y)

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stem = (3, 1, 1) if small_images else (7, 2, 3)
            self.conv1 = nn.Conv2d(3, width, *stem, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, 1)
            n = width
            for i, count in enumerate(layers):
                planes = width << i
                blocks = []
                for j in range(count):
                    blocks.append(Block(n, planes, 2 if i and not j else 1))
                    n = planes * expansion
                self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(n, num_classes)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            for i in range(len(layers)):
                x = getattr(self, f"layer{i + 1}")(x)
            return self.fc(self.avgpool(x).flatten(1))

    return ResNet()


def fcn(num_classes: int = 10, channels: tuple[int, ...] = (64, 128, 64)) -> Any:
    """T11's network, as fastnn.models.TimeSeriesFCN."""
    from torch import nn

    class FCN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            steps: list[Any] = []
            for n_in, n, kernel in zip((1, *channels), channels, (8, 5, 3), strict=False):
                steps += [nn.Conv1d(n_in, n, kernel, padding="same"), nn.BatchNorm1d(n), nn.ReLU()]
            self.features = nn.Sequential(*steps)
            self.avgpool = nn.AdaptiveAvgPool1d(1)
            self.classifier = nn.Linear(channels[-1], num_classes)

        def forward(self, x: Any) -> Any:
            return self.classifier(self.avgpool(self.features(x)).flatten(1))

    return FCN()


def generator(nn: Any) -> Any:
    """DCGAN's generator: (N, 100, 1, 1) -> (N, 1, 28, 28).  Radford, Metz, Chintala 2016,
    arXiv:1511.06434, for 28x28."""
    return nn.Sequential(
        *(nn.ConvTranspose2d(100, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh()),
    )


def discriminator(nn: Any) -> Any:
    """DCGAN's discriminator: (N, 1, 28, 28) -> logits (N, 2), made or real."""
    return nn.Sequential(
        *(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(128 * 7 * 7, 2)),
    )


def language_model(nn: Any) -> Any:
    """T6's network, and I5's: symbols (T, N) -> logits (T N, 96), h and c."""

    class LanguageModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(96, 128)
            self.lstm = nn.LSTM(128, 256, 2)
            self.head = nn.Linear(256, 96)

        def forward(self, x: Any, h: Any = None, c: Any = None) -> Any:
            y, state = self.lstm(self.embedding(x), None if h is None else (h, c))
            logits = self.head(y).flatten(0, 1)
            return logits if h is None else (logits, *state)

    return LanguageModel()


def row_reader(nn: Any) -> Any:
    """T7's network, and I6's: (28, N, 28) -> logits (N, 10) from the last state of a GRU."""

    class RowReader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(28, 128)
            self.head = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.gru(x)[1][0])

    return RowReader()


def tagger(nn: Any) -> Any:
    """T8's network: (T, N, 64) -> logits (T N, 10)."""

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(64, 64, bidirectional=True)
            self.head = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x)[0]).flatten(0, 1)

    return Tagger()
