"""Layers, and networks made of them."""

from chainrule.nn import functional, initializers
from chainrule.nn.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    Hardtanh,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation,
)
from chainrule.nn.architecture import ModelFileError
from chainrule.nn.dense import Dense
from chainrule.nn.dropout import Dropout, Stochastic, reseed
from chainrule.nn.embedding import EmbedColumns, Embedding
from chainrule.nn.module import Module
from chainrule.nn.normalization import BatchNorm, LayerNorm
from chainrule.nn.saving import load, read_extra, save
from chainrule.nn.sequential import Flatten, Sequential

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "BatchNorm",
    "Dense",
    "Dropout",
    "EmbedColumns",
    "Embedding",
    "Flatten",
    "Hardtanh",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "ModelFileError",
    "Module",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Stochastic",
    "Tanh",
    "activation",
    "functional",
    "initializers",
    "load",
    "read_extra",
    "reseed",
    "save",
]
