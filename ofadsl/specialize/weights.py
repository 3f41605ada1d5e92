"""Load a checkpoint into a supernet: ours or a foreign one, all of it or nothing.

In: a ``.safetensors`` file, or a ``.pt`` file of tensors alone. Out: the supernet with its values,
and where they came from. Every key and shape is compared first, so that a report names all that
does not fit and the supernet is as it was.
"""

from __future__ import annotations

import difflib
import hashlib
import pickle
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ofadsl.diagnostics import Diagnostic, Diagnostics, fault
from ofadsl.specialize.interop import FAMILIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where weights came from; ``family`` is None for a checkpoint of ours."""

    path: str
    sha256: str
    family: str | None = None
    notes: tuple[str, ...] = ()
    trained: bool = False
    """Whether the file says, or its family implies, that these are a trained supernet's."""


def load_weights(supernet: torch.nn.Module, path: Path, *, retarget: bool = False) -> Origin:
    """Copy the tensors of the checkpoint into ``supernet``, or raise Diagnostics.

    With ``retarget`` the checkpoint may be of another task: a last layer of other outputs keeps
    its initial values, a first layer of other input channels gets the mean over them; the notes
    say so.
    """
    read = read_tensors(path)
    own = supernet.state_dict()
    keys = {n: n for n in read if n in own or not n.endswith("num_batches_tracked")}
    family, notes = None, []
    for candidate in FAMILIES:
        if candidate.is_checkpoint(read.keys()):
            renamed = candidate.rename(read.keys(), own.keys())
            keys = {**renamed.keys, **{name: name for name in renamed.unknown}}
            family = candidate.name
            strays = [name for name in renamed.ignored if not name.endswith("batches_tracked")]
            notes = [f"{len(strays)} tensors that no layer uses are ignored"] if strays else []
            break
    if retarget:
        notes += _retarget(own, read, keys)
    report = _compare(own, read, keys)
    if report:
        raise Diagnostics(report)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(read[keys[name]])
    return Origin(
        path=str(path),
        sha256=_sha256(path),
        family=family,
        notes=tuple(notes),
        trained=family is not None or _is_trained(path),
    )


def _retarget(
    own: Mapping[str, Tensor], read: dict[str, Tensor], keys: Mapping[str, str]
) -> list[str]:
    """Put tensors of our shapes in place of those of another task; return what was done."""
    notes = []
    names = list(own)
    first, head = names[0], names[-1].rpartition(".")[0]
    for name, tensor in own.items():
        found = read.get(keys.get(name, ""))
        if found is None or found.shape == tensor.shape or found.dim() != tensor.dim():
            continue
        if name.rpartition(".")[0] == head and found.shape[1:] == tensor.shape[1:]:
            read[keys[name]] = tensor
            notes.append(f"{name} is newly initialised: {len(tensor)} outputs, not {len(found)}")
        elif name == first and found.dim() == 4 and found.shape[0] == tensor.shape[0]:
            before, now = found.shape[1], tensor.shape[1]
            mean = found.mean(1, keepdim=True) * (before / now)
            read[keys[name]] = mean.expand(-1, now, -1, -1).clone()
            notes.append(f"{name} is averaged over its {before} input channels, for {now} of ours")
    return notes


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the state dict in the file, on the CPU; a file that holds code is refused."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"the weights {path} cannot be read: {reason}"
        raise fault("OFA090", message, help="give the path of a checkpoint") from error
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        tensors = _read_safetensors(path)
    elif start.startswith(_PICKLES):
        tensors = _state_dict(path, _read_pickle(path))
    else:
        raise fault("OFA090", f"{path} is no checkpoint", help="give a .safetensors or .pt file")
    strange = [name for name, tensor in tensors.items() if not _is_plain(tensor)]
    report = _capped(
        "OFA092",
        [f"{name} is {_form(tensors[name])}, not plain numbers" for name in strange],
        ["save it dense, as floating point"] * len(strange),
    )
    if report:
        raise Diagnostics(report)
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except Exception as error:  # of a form that it does not know it raises more than its own
        reason = " ".join(str(error).split())[:160]
        message = f"{path} is no whole safetensors file: {reason}"
        raise fault("OFA090", message, help="copy or download it again") from error


TRAINED = "ofadsl_trained"
"""The word in the metadata of a safetensors file, "1" in one that holds a trained supernet."""


def _is_trained(path: Path) -> bool:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(TRAINED) == "1"
    except safetensors.SafetensorError:  # another kind of checkpoint, which cannot say
        return False


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings(action="ignore"):  # of forms that torch is to give up
            found: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything at all on a file that was changed
        if isinstance(error, pickle.UnpicklingError) and _CODE.search(str(error)):
            message = f"{path} holds more than tensors, and reading it could run code"
            help = f"{_ALONE}; if that is what was saved, copy or download it again"
            raise fault("OFA091", message, help=help) from error
        message = f"{path} is no whole checkpoint"
        raise fault("OFA090", message, help="copy or download it again") from error
    return found


_CODE = re.compile("global|allowlist|unrecognized function", re.IGNORECASE)
"""What torch says of a file that names what is no tensor; else the file is damaged."""
_PICKLES = (b"PK\x03\x04", b"\x80")  # what torch writes today, and wrote before 1.6
_ALONE = "save the state dict alone: torch.save(model.state_dict(), path)"
_WRAPPERS = ("state_dict", "model", "supernet")


def _state_dict(path: Path, found: object) -> dict[str, Tensor]:
    """Return the tensors by name, out of what training scripts wrap around them."""
    for key in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    named = isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    )
    if not isinstance(found, Mapping) or not found or not named:
        message = f"{path} is no state dict, a mapping of names to tensors"
        raise fault("OFA092", message, help=_ALONE)
    prefix = "module."  # of DistributedDataParallel
    if all(name.startswith(prefix) for name in found):
        return {name.removeprefix(prefix): value for name, value in found.items()}
    return dict(found)


def _compare(
    own: Mapping[str, Tensor], read: Mapping[str, Tensor], keys: Mapping[str, str]
) -> list[Diagnostic]:
    """Return what does not fit; ``keys`` has the name in the file of each name of ours."""
    missing = [name for name in own if name not in keys]
    extra = [name for name in keys if name not in own]
    both = [name for name in own if name in keys]
    shapes = [name for name in both if own[name].shape != read[keys[name]].shape]
    strange = [
        name
        for name in both
        if own[name].is_floating_point() != read[keys[name]].is_floating_point()
    ]
    broken = [n for n in both if n not in (*strange, *shapes) and not _finite(read[keys[n]])]
    report = _capped(
        "OFA093",
        [f"the checkpoint has no {name}" for name in missing],
        [_near(name, extra, "the checkpoint has") for name in missing],
    )
    report += _capped(
        "OFA094",
        [f"the supernet has no {keys[name]}" for name in extra],
        [_near(name, missing, "the supernet expects") for name in extra],
    )
    report += _capped(
        "OFA095",
        [f"{keys[n]} is {_size(read[keys[n]])}, not {_size(own[n])}" for n in shapes],
        [_OTHER_SHAPE] * len(shapes),
    )
    report += _capped(
        "OFA092",
        [f"{keys[name]} is {_form(read[keys[name]])}, not plain numbers" for name in strange],
        ["save it dense, as floating point"] * len(strange),
    )
    return report + _capped(
        "OFA096",
        [f"{keys[name]} holds values that are not finite" for name in broken],
        ["the training diverged; take an earlier checkpoint"] * len(broken),
    )


_SHOWN = 5
_OTHER_SHAPE = (
    "is this checkpoint of the same space, with the same --set? "
    "`ofadsl convert-weights` takes one of other classes"
)


_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def _is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is dense and real, of numbers that torch computes with on a CPU."""
    dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not dense or tensor.is_nested or tensor.is_quantized or tensor.is_complex():
        return False
    return tensor.dtype in _FLOATS if tensor.is_floating_point() else tensor.dtype in _WHOLE


_WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _form(tensor: Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_nested:
        return f"nested {kind}"
    if tensor.device.type != "cpu":
        return f"{kind} on the device {tensor.device.type}"
    return f"{str(tensor.layout).removeprefix('torch.')} {kind}"


def _capped(code: str, messages: list[str], helps: list[str]) -> list[Diagnostic]:
    """Return a diagnostic for each of the first few messages, the last one with the rest."""
    report = []
    for i, (message, help) in enumerate(zip(messages[:_SHOWN], helps, strict=False)):
        more = len(messages) - _SHOWN
        if i == _SHOWN - 1 and more > 0:
            message += f", and {more} more like it"
        report.append(Diagnostic(code=code, message=message, help=help))
    return report


def _near(name: str, others: Collection[str], verb: str) -> str:
    close = difflib.get_close_matches(name, others, 1, 0.0)
    return f"{verb} {close[0]}" if close else "was it saved from this space?"


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
