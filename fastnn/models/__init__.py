"""Networks, one file each, written against the public API."""

from .alexnet import AlexNet, AlexNetOriginal
from .autoencoder import Autoencoder, ConvAutoencoder
from .char_rnn import CharRNN
from .char_transformer import CharTransformer
from .dcign import DCIGN
from .fcn import TimeSeriesFCN
from .forecaster import SequenceForecaster
from .gan import DCGAN, GAN
from .lenet import LeNet5
from .lenet_original import LeNet5Original
from .mlp import MLP
from .resnet import ResNet, resnet18, resnet34, resnet50
from .tagger import BiLSTMTagger
from .unet import UNet
from .vae import VAE
from .vgg import VGG, vgg11, vgg11_bn, vgg16, vgg16_bn

__all__ = [
    "DCGAN",
    "DCIGN",
    "GAN",
    "MLP",
    "VAE",
    "VGG",
    "AlexNet",
    "AlexNetOriginal",
    "Autoencoder",
    "BiLSTMTagger",
    "CharRNN",
    "CharTransformer",
    "ConvAutoencoder",
    "LeNet5",
    "LeNet5Original",
    "ResNet",
    "SequenceForecaster",
    "TimeSeriesFCN",
    "UNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "vgg11",
    "vgg11_bn",
    "vgg16",
    "vgg16_bn",
]
