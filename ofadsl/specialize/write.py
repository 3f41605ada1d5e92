"""Write a subnet: ``subnet.py``, ``weights.safetensors`` and ``subnet.json``, all or nothing.

The files are made in a folder beside the one asked for, tried there, and moved into place when
all is well; whoever is killed on the way leaves at most that folder, whose name starts with a dot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.utils.flop_counter import FlopCounterMode

import ofadsl
from ofadsl.choices import Arch
from ofadsl.folders import written_whole
from ofadsl.specialize.channels_last import is_channels_last
from ofadsl.specialize.layout import Call, lines
from ofadsl.specialize.source import ClassText, SubnetText, subnet_text
from ofadsl.specialize.weights import Origin
from ofadsl.tensors import tensor_bytes

FILES = ("subnet.py", "weights.safetensors", "subnet.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What ``subnet.json`` says of a subnet beside its size."""

    source: str
    """The ``.ofa`` file, as the user named it."""
    arch: Arch
    space_hash: str | None = None
    weights: Origin | None = None
    """None where the weights are random."""
    folded: bool = True
    statistics: str | None = None
    """The data that batch norm statistics were recomputed from."""
    error: float = 0.0
    """What ``verify`` returned."""
    preprocessing: Mapping[str, Any] | None = None
    """What is done with an image before the network is given it, as far as that is known."""
    classes: tuple[str, ...] | None = None
    """What each output stands for, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a subnet for one image."""

    params: int
    macs: int


def write_subnet(folder: Path, subnet: GraphModule, example: Tensor, record: Record) -> Size:
    """Write ``subnet`` to ``folder`` and return its size; ``example`` is one image or more.

    A folder that holds an older subnet is replaced; any other that is not empty is refused.
    """
    image = example[:1]
    size = measure(subnet, image)
    text = subnet_text(subnet)
    code = _python(text, record, size, any(map(is_channels_last, subnet.parameters())))
    with new_subnet(folder) as draft:
        _write_files(draft, subnet, text, _json(record, size, image), code)
        _try(draft, subnet, image)
    return size


def new_subnet(folder: Path) -> AbstractContextManager[Path]:
    """Give a draft for the ``FILES`` of a subnet, as ``written_whole`` does."""
    return written_whole(folder, "a subnet", lambda found: found == set(FILES))


def measure(subnet: torch.nn.Module, image: Tensor) -> Size:
    """Return the number of parameters, and of multiply-adds for ``image``."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        subnet(image)
    params = sum(parameter.numel() for parameter in subnet.parameters())
    return Size(params=params, macs=counter.get_total_flops() // 2)


def _json(record: Record, size: Size, image: Tensor) -> str:
    content: dict[str, Any] = {
        "space": record.arch.space,
        "space_hash": record.space_hash,
        "source": record.source,
        "arch": record.arch.to_dict(),
        "input": [1, *image.shape[1:]],
        "preprocessing": record.preprocessing,
        "classes": record.classes,
        "params": size.params,
        "macs": size.macs,
        "weights": None if record.weights is None else asdict(record.weights),
        "batch_norm_folded": record.folded,
        "batch_norm_statistics": record.statistics,
        "verification": {"relative_error": record.error, "exact": record.error == 0},
        "versions": {"ofadsl": ofadsl.__version__, "torch": str(torch.__version__)},
    }
    return json.dumps(content, indent=2) + "\n"


def _python(text: SubnetText, record: Record, size: Size, channels_last: bool) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ofadsl.specialize"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    classes = [_layout(one) for one in text.classes]
    body = "\n".join(str(one) for one in classes)
    millions = f"{size.params / 1e6:.2f}M parameters and {size.macs / 1e6:.1f}M multiply-adds"
    return environment.get_template("subnet.py.j2").render(
        source=_one_line(record.source),
        title=f"A subnet of {record.arch.space}: {millions} an image.",
        classes=classes,
        uses_callable="Callable[" in body,
        uses_functional="F." in body,
        channels_last=channels_last,
    )


def _layout(one: ClassText) -> Mapping[str, object]:
    items = (f"{name}: {kind}" for name, kind in one.arguments.items())
    call = Call(head="(", items=("self", *(["*", *items] if one.arguments else [])))
    return {
        "name": one.name,
        "head": list(lines("def __init__", call, " -> None:", 96)),
        "init": one.init,
        "inputs": ", ".join(f"{name}: Tensor" for name in one.inputs),
        "returns": one.returns,
        "forward": one.forward,
    }


def _one_line(path: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in path)


def _write_files(
    draft: Path, subnet: GraphModule, text: SubnetText, record: str, code: str
) -> None:
    state = subnet.state_dict()
    tensors = {name: state[key] for name, key in text.tensors.items()}
    (draft / "weights.safetensors").write_bytes(tensor_bytes(tensors))
    (draft / "subnet.py").write_text(code, encoding="utf-8")
    (draft / "subnet.json").write_text(record, encoding="utf-8")


def _try(draft: Path, subnet: GraphModule, image: Tensor) -> None:
    """Load what has been written, and compare it with what it was written from."""
    path = draft / "subnet.py"
    scope: dict[str, Any] = {"__name__": "subnet", "__file__": str(path)}
    # executed, not imported, so that no __pycache__ and no module is left behind
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    with torch.no_grad():
        expected, found = subnet(image), scope["load"]()(image)
    assert torch.equal(expected, found), "the written subnet differs from the one in memory"
