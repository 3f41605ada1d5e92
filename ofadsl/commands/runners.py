"""What runs a subnet and times it: eager torch, torch.compile, onnxruntime; on a CPU or a GPU.

In: a static module and an example. Out: a function that runs it once and returns the seconds.
"""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ofadsl.calibrate.measure.visit import Timed
from ofadsl.deploy.extras import need
from ofadsl.deploy.quiet import quiet
from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import temporary_folder

RUNTIMES = ("eager", "compile", "onnxruntime")
DEVICES = ("cpu", "cuda")
DTYPES = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "int8": torch.int8,
}

Call: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where and how subnets run."""

    device: str = "cpu"
    runtime: str = "eager"
    dtype: str = "fp32"
    batch: int = 1
    threads: int = 1

    @property
    def type(self) -> torch.dtype:
        """The type of weights and activations."""
        return DTYPES[self.dtype]


def check_setting(setting: Setting) -> None:
    """Raise OFA144 for what this machine or runtime cannot do, OFA250 for a missing package."""
    if setting.device == "cuda" and not torch.cuda.is_available():
        help = "measure with --device cpu, or on a machine with a GPU and a torch built for it"
        raise fault("OFA144", "torch finds no GPU here", help=help)
    if setting.runtime == "onnxruntime":
        need("export", ("onnx", "onnxscript", "onnxruntime"), "--runtime onnxruntime")
        if setting.device != "cpu" or setting.dtype not in ("fp32", "int8"):
            message = f"onnxruntime is measured on cpu in fp32 or int8, not on {setting.device} in"
            help = "choose --runtime eager or compile"
            raise fault("OFA144", f"{message} {setting.dtype}", help=help)
    elif setting.dtype == "int8":
        message = f"int8 is measured in onnxruntime on cpu, not in {setting.runtime}"
        raise fault("OFA144", message, help="choose --runtime onnxruntime")
    if setting.dtype == "bf16" and setting.device == "cuda" and not torch.cuda.is_bf16_supported():
        message = f"{torch.cuda.get_device_name()} does not compute in bf16"
        raise fault("OFA144", message, help="choose --dtype fp16 or fp32")


def machine(setting: Setting) -> str:
    """Return what the processor calls itself."""
    if setting.device == "cuda":
        return str(torch.cuda.get_device_name())
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(setting: Setting) -> dict[str, str]:
    """Return the versions of what decides the latency."""
    found = {"torch": str(torch.__version__)}
    if setting.runtime == "onnxruntime":
        import onnxruntime

        found["onnxruntime"] = str(onnxruntime.__version__)
    return found


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    if torch.get_num_interop_threads() != count:
        with contextlib.suppress(RuntimeError):  # too late once a program has used them
            torch.set_num_interop_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def runner(module: torch.nn.Module, image: Tensor, setting: Setting) -> Timed:
    """Return what runs a module on a batch of images; OFA148 where the runtime cannot."""
    quantised = setting.dtype == "int8"  # by the runtime, from what is held in fp32
    held = torch.float32 if quantised else setting.type
    module = module.to(device=setting.device, dtype=held).eval()
    image = image.to(device=setting.device, dtype=held)
    try:
        make = _onnxruntime if setting.runtime == "onnxruntime" else _torch
        call = make(module, image, setting)
        timed = _timed_cuda(call) if setting.device == "cuda" else _timed_cpu(call, clock(setting))
        timed()
    except (Diagnostics, AssertionError):
        raise
    except Exception as error:  # what a runtime raises has no type of its own
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        message = f"{setting.runtime} cannot run a subnet in {setting.dtype} on {setting.device}"
        help = "choose another --runtime or --dtype"
        raise fault("OFA148", f"{message}: {first[:200]}", help=help) from error
    return timed


def _torch(module: torch.nn.Module, image: Tensor, setting: Setting) -> Call:
    if setting.runtime == "eager":
        return lambda: module(image)
    # fullgraph: what cannot be compiled would silently be run by the interpreter
    compiled = torch.compile(module, fullgraph=True, dynamic=False)
    with quiet(), torch.inference_mode():
        compiled(image)
    return lambda: compiled(image)


def _onnxruntime(module: torch.nn.Module, image: Tensor, setting: Setting) -> Call:
    import onnxruntime

    from ofadsl.deploy.exporter import Work
    from ofadsl.deploy.onnx import EXPORTER, INPUT

    # noise to calibrate with: where a range ends changes what is computed, not how long it takes
    calibration = image if setting.dtype == "int8" else None
    work = Work(module=module, example=image, calibration=calibration)
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setting.threads
    options.inter_op_num_threads = 1
    with temporary_folder() as folder:
        path = folder / "subnet.onnx"
        EXPORTER.write(work, path)
        session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    feed = {INPUT: image.numpy()}
    return lambda: session.run(None, feed)


def clock(setting: Setting) -> Callable[[], float]:
    """Return what tells the time of calls on a CPU.

    One thread is timed by its own clock, which stands still while another program has the core:
    on a quiet machine the two agree, on a busy one such waits are most of what one would measure.
    """
    alone = setting.threads == 1 and setting.device == "cpu"
    # that of Windows ticks 64 times a second
    return time.thread_time if alone and sys.platform != "win32" else time.perf_counter


def _timed_cpu(call: Call, clock: Callable[[], float]) -> Timed:
    def run() -> float:
        with torch.inference_mode():
            start = clock()
            call()
            return clock() - start

    return run


def _timed_cuda(call: Call) -> Timed:
    def run() -> float:
        event: Any = torch.cuda.Event
        first, last = event(enable_timing=True), event(enable_timing=True)
        with torch.inference_mode():
            torch.cuda.synchronize()
            first.record()
            call()
            last.record()
            torch.cuda.synchronize()
        return float(first.elapsed_time(last)) / 1e3

    return run
