"""What an exporter is: it writes a file for a runtime, and runs that file in it.

To add a target, write a class with these methods in a file of its own, and enter it in EXPORTERS.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from ofadsl.deploy.extras import need
from ofadsl.deploy.hush import hushed
from ofadsl.diagnostics import fault

Run: TypeAlias = Callable[[Tensor], Tensor]
"""Images in, outputs out, as float32, whatever the runtime computes in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be exported."""

    module: torch.nn.Module
    example: Tensor
    """As many images as a batch has; two where it may have any number."""
    any_batch: bool = False
    calibration: Tensor | None = None
    """Images that tell the range of every activation: int8 is asked for."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What the file says of itself, where its format has room for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """What a program must know of the input or the output of a file."""

    name: str | None = None
    """None where it is known by its place alone."""
    dtype: str = "float32"
    layout: str | None = None
    """The order of the axes of images: NCHW, or NHWC."""
    scale: float | None = None
    """Of int8: a value is ``scale * (byte - zero_point)``."""
    zero_point: int | None = None


class Exporter(Protocol):
    """One target."""

    int8: bool
    any_batch: bool

    def write(self, work: Work, path: Path) -> None:
        """Write the file; OFA252 where the target has no such op."""
        ...

    def runners(self, path: Path) -> Mapping[str, Run]:
        """Return the file loaded in each runtime that can run it, by the runtime's name.

        All use one thread; the first is the one that is timed.
        """
        ...

    def versions(self, path: Path) -> Mapping[str, str | int]:
        """Return the versions that matter."""
        ...

    def ports(self, path: Path) -> tuple[Port, Port]:
        """Return what the input and the output are."""
        ...

    def memory(self, path: Path) -> Mapping[str, int]:
        """Return the bytes of memory that the runtime reports, by what they are for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where an exporter is, and what it needs beside torch."""

    module: str
    extra: str = ""
    packages: tuple[str, ...] = ()


EXPORTERS: Mapping[str, Entry] = {
    "onnx": Entry(
        module="ofadsl.deploy.onnx",
        extra="export",
        packages=("onnx", "onnxscript", "onnxruntime"),
    ),
    "torch-export": Entry(module="ofadsl.deploy.torch_export"),
    "executorch": Entry(
        module="ofadsl.deploy.executorch",
        extra="mobile",
        packages=("executorch", "torchao"),
    ),
    "tflite": Entry(
        module="ofadsl.deploy.tflite",
        extra="mcu",
        packages=("litert_torch", "ai_edge_litert", "ai_edge_quantizer", "tflite_micro"),
    ),
}


def find_exporter(name: str) -> Exporter:
    """Return an exporter by its name; OFA250 where its packages are missing."""
    entry = EXPORTERS[name]
    need(entry.extra, entry.packages, f"export to {name}")
    with hushed():  # some packages greet at their import
        exporter: Exporter = import_module(entry.module).EXPORTER
    return exporter


def in_torch_order(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy whose weights lie in the order of their axes, not channels last.

    Converters that order axes themselves are confused by weights that are ordered already.
    """
    module = copy.deepcopy(module)
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return module


def no_such_op(target: str, op: str) -> Exception:
    """Return the report of an op that a target lacks."""
    help = "export to another format, or choose a subnet without it"
    return fault("OFA252", f"{target} cannot express the op {op}", help=help)
