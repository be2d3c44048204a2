"""Row 109: spoken digits, recognised on the log-spectrogram by a convolutional network."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn
from ._registry import Result, above, at_least, demo, told
from ._steps import accuracy, fit, outputs

_PROGRAM = "espeak-ng"
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
# One of each family: "iven2" would be heard in training if "iven" is kept for the test.
_VOICES = tuple(
    "Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee Marco Mario Michael "
    "Mike Nguyen adam anika antonio aunty belinda benjamin boris caleb croak david ed f1 f2 f3 f4 "
    "f5 grandma grandpa gustave iven john kaukovalta klatt linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo "
    "max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph travis "
    "victor zac".split()
)
_RATE = 22_050  # samples per second
_PAUSE = 0.12  # seconds; the stops within a word are shorter, the gaps between lines longer
_FRAME, _HOP, _FRAMES, _BANDS = 512, 330, 64, 32  # samples, samples; 64 hops are 0.96 s
_SNR = (5.0, 25.0)  # of speech to white noise, decibels


def _missing() -> str:
    return "" if shutil.which(_PROGRAM) else f"the program {_PROGRAM}"


def _draw(figure: Any, *, spectrograms: np.ndarray, said: np.ndarray, curves: dict) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1.8, 1))
    left.suptitle("an unseen voice says: (what the network hears; red: wrong)", fontsize=10)
    for k, axes in enumerate(left.subplots(2, 5).flat):
        axes.imshow(spectrograms[k, 0], origin="lower", aspect="auto", cmap="magma",
                    extent=(0, _FRAMES * _HOP / _RATE, 0, _BANDS))  # fmt: skip
        axes.set_title(f"{_WORDS[k]}: {said[k]}", fontsize=10,
                       color="black" if said[k] == k else "red")  # fmt: skip
        axes.set_xticks([0, 0.5])
        axes.set_yticks([])
        if k % 5 == 0:
            axes.set_ylabel("band (low to high)")
        if k >= 5:
            axes.set_xlabel("seconds")
    axes = right.subplots()
    for name, (snr, values) in curves.items():
        axes.plot(snr, values, "o-", label=name)
    axes.axvspan(*_SNR, color="grey", alpha=0.15, label="noise of the training")
    axes.axhline(0.1, color="black", ls=":", label="chance")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("speech over noise, dB (left: louder noise)")
    axes.set_ylabel("accuracy on unseen voices")
    axes.legend(loc="lower right", fontsize=9)


@demo(
    109,
    name="speech",
    title="Speech recognition: spoken digits on the spectrogram",
    bar="digits spoken by voices that were not in the training, at any speed, pitch and accent, "
    "under noise 5 to 25 dB below the speech: accuracy at least 0.95 (quick: 0.85), and above a "
    "linear model's",
    draw=_draw,
    size=(13, 5),
    seconds=(20, 3),
    source="Abdel-Hamid et al. 2014 (CNNs for speech), doi:10.1109/TASLP.2014.2339736; Davis, "
    "Mermelstein 1980 (mel bands), doi:10.1109/TASSP.1980.1163420",
    needs=_missing,
)
def speech(quick: bool, seed: int) -> Result:
    """A spoken digit becomes an image, the loudness of 32 bands of pitch over time, and a
    convolutional network reads it like one. It names digits spoken by voices that it never heard in
    training, at any speed and under noise.

    The image has 64 short frames, and the energy is a logarithm. The recordings are made by the
    synthesiser espeak-ng: many voices, five accents, speeds from 120 to 220 words a minute. Whole
    voices are kept for the test; figures are often given for new recordings of known voices, which
    is easier. Synthetic speech of single words is easier than people's, too: this is not a
    recogniser for your voice.
    """
    rng = np.random.default_rng(seed)
    voices = rng.permutation(_installed())
    n_test = len(voices) // 4
    unseen, known = voices[:n_test], voices[n_test:]
    if quick:
        unseen, known = unseen[:8], known[:24]
    spoken = _record(known, 1 if quick else 3, rng)
    test = _record(unseen, 1 if quick else 2, rng)
    y, y_test = (np.tile(np.arange(10), len(s) // 10) for s in (spoken, test))
    copies = 3
    x = np.concatenate([_noisy(spoken, _SNR, rng) for _ in range(copies)])
    x_test = _noisy(test, _SNR, rng)
    model = nn.Sequential(
        *_step(1, 8), *_step(8, 32), *_step(32, 64), nn.AdaptiveAvgPool2d((_BANDS // 8, 1)),
        nn.Flatten(), nn.Linear(64 * (_BANDS // 8), 10),
    )  # fmt: skip
    linear = nn.Sequential(nn.Flatten(), nn.Linear(_BANDS * _FRAMES, 10))
    scores, curves = [], {}
    steps = range(-10, 26, 10 if quick else 5)
    by_noise = [_noisy(test, (snr, snr), rng) for snr in steps]
    nets = ("CNN", model, 1e-2), ("linear model", linear, 3e-3)
    for name, net, lr in nets:
        fit(net, x, np.tile(y, copies), epochs=4 if quick else 6, seed=seed, lr=lr, batch_size=8)
        scores.append(accuracy(net, x_test, y_test))
        curves[name] = steps, [accuracy(net, some, y_test) for some in by_noise]
    return Result(
        (
            at_least("CNN: accuracy on unseen voices", scores[0], 0.85 if quick else 0.95),
            above("CNN above the linear model, points", 100 * (scores[0] - scores[1]), 0),
            told("linear model", scores[1]),
            told("voices in the training", len(known)),
            told("voices in the test", len(unseen)),
            told("test recordings", len(test)),
        ),
        {
            "spectrograms": x_test[:10],
            "said": outputs(model, x_test[:10]).argmax(axis=1),
            "curves": curves,
        },
    )


def _step(n_in: int, n_out: int) -> list[nn.Module]:
    conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(2)]


def _installed() -> list[str]:
    """The voices of `_VOICES` that are here; espeak-ng would speak with its default one for a name
    that it does not know."""
    listed = subprocess.run(
        [_PROGRAM, "--voices=variant"], capture_output=True, text=True, check=True
    )
    here = {word.removeprefix("!v/") for word in listed.stdout.split()}
    return [voice for voice in _VOICES if voice in here]


def _record(voices: Any, times: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Samples of the ten digits in their order, by each voice `times` times, at a speed, a pitch
    and an accent by chance; loudness is brought to 1 (root mean square)."""
    words = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.wav"
        for voice in np.repeat(voices, times):
            speed, pitch = rng.integers(120, 221), rng.integers(30, 71)
            subprocess.run(
                [_PROGRAM, "-v", f"{rng.choice(_ACCENTS)}+{voice}", "-s", str(speed), "-p",
                 str(pitch), "-w", str(path), "\n\n".join(_WORDS)],
                capture_output=True, check=True,
            )  # fmt: skip
            with wave.open(str(path)) as file:
                sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            found = _split(sound.astype(np.float32) / 32768)
            if file.getframerate() != _RATE or len(found) != len(_WORDS):
                raise RuntimeError(f"{_PROGRAM} with {voice}: {len(found)} words, expected 10")
            words += found
    return words


def _split(sound: np.ndarray) -> list[np.ndarray]:
    """The parts between pauses, each with loudness 1."""
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    ends = np.flatnonzero(np.diff(loud) > _PAUSE * _RATE)
    first, last = loud[np.r_[0, ends + 1]], loud[np.r_[ends, len(loud) - 1]]
    parts = [sound[a : b + 1] for a, b in zip(first, last, strict=True)]
    return [part / np.sqrt(np.mean(part**2)) for part in parts]


def _noisy(
    words: list[np.ndarray], snr: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Log-spectrograms (N, 1, _BANDS, _FRAMES) of the words, each at a place in the window and
    under white noise by chance; mean 0 and deviation 1."""
    n = _FRAME + (_FRAMES - 1) * _HOP
    level = 10 ** (-rng.uniform(*snr, (len(words), 1)) / 20)
    sound = level.astype(np.float32) * rng.standard_normal((len(words), n), np.float32)
    for line, word in zip(sound, words, strict=True):
        start = rng.integers(0, max(n - len(word), 0) + 1)
        part = line[start : start + len(word)]
        part += word[: len(part)]
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME, axis=1)[:, ::_HOP]
    window, bands = np.hanning(_FRAME).astype(np.float32), _mel_bands()
    x = np.empty((len(words), 1, _BANDS, _FRAMES), np.float32)
    for image, some in zip(x, frames, strict=True):
        power = np.abs(np.fft.rfft(some * window)) ** 2
        image[0] = np.log(power @ bands + 1e-6).T
    x -= x.mean(axis=(2, 3), keepdims=True)
    return x / x.std(axis=(2, 3), keepdims=True)


def _mel_bands() -> np.ndarray:
    """Weights (_FRAME // 2 + 1, _BANDS): triangles of equal width in mel, 2595 lg(1 + f / 700),
    from 100 to 8000 Hz."""
    low, high = 2595 * np.log10(1 + np.array([100, 8000]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    f = np.fft.rfftfreq(_FRAME, 1 / _RATE)[:, None]
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (f - left) / (middle - left), (right - f) / (right - middle)
    return np.maximum(np.minimum(rising, falling), 0)
