"""sprout: a small convolutional network, 112 x 112 pixels to 640 values."""
import torch
from torch import nn

SIZE = 112
EMBEDDING = 640


def convolution(inputs, outputs, kernel, stride=1, groups=1, active=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if active else []))


class Block(nn.Module):
    """Inverted residual: widen, depthwise 3x3, narrow; the input is added where shapes allow."""

    def __init__(self, inputs, outputs, stride, widening=4):
        super().__init__()
        wide = inputs * widening
        self.adds = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            convolution(inputs, wide, 1), convolution(wide, wide, 3, stride, wide), convolution(wide, outputs, 1, active=False))

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.adds else y


class Sprout(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, 16, 3, 2), convolution(16, 32, 3, 2),
            Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1),
            Block(64, 144, 2), Block(144, 144, 1), Block(144, 144, 1), Block(144, 144, 1),
            convolution(144, EMBEDDING, 1))

    def forward(self, x):
        return self.features(x).mean((2, 3))
