"""Costs are exact: the tables agree with an interpreter, with torch and with published figures."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest
import torch
from cost_models import OWN, ROOT, SHIPPED, SPACES, Model, model
from packages import compiled
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from ofadsl.compiler.emit.cost import emit_cost
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text
from ofadsl.cost import runtime
from ofadsl.cost.interpret import Profile, interpret
from ofadsl.cost.micro import covers
from ofadsl.cost.model import Costs
from ofadsl.cost.space_hash import space_hash
from ofadsl.diagnostics import Diagnostics
from ofadsl.expr import divisible

PUBLISHED = json.loads((ROOT / "tests/data/ofa_mbv3_costs.json").read_text(encoding="utf-8"))


def profiles(space: Model, archs: Any) -> list[Profile]:
    """Return what each arch costs by the interpreter."""
    rows = [tuple(row) for row in archs.tolist()]
    return [interpret(space.graph, space.checked.space.values(row)) for row in rows]


@pytest.mark.parametrize("name", SPACES)
def test_costs_are_what_an_interpreter_of_the_graph_finds(name: str) -> None:
    space = model(name)
    few = int(os.environ.get("OFADSL_ARCHS", "40"))
    x = space.archs(few if name in (*SHIPPED, "dense") else 200)
    found = profiles(space, x)
    assert space.cost.macs(x).tolist() == [p.macs for p in found]
    assert space.cost.params(x).tolist() == [p.params for p in found]
    assert space.cost.peak_memory(x, 1).tolist() == [p.peak_elements for p in found]


MICRO = [name for name in SPACES if covers(model(name).graph)]


def test_spaces_of_plain_convolutions_have_a_footprint_on_microcontrollers() -> None:
    assert {"mcunet", "digits", "proxyless"} <= set(MICRO)
    assert not {"mbv3", "autoformer"} & set(MICRO)
    assert not hasattr(model("mbv3").cost, "arena_bytes")


@pytest.mark.parametrize("name", MICRO)
def test_footprints_on_microcontrollers_are_what_an_interpreter_finds(name: str) -> None:
    space = model(name)
    x = space.archs(40)
    found = [p.micro for p in profiles(space, x)]
    assert space.cost.arena_bytes(x).tolist() == [m.arena_bytes for m in found if m is not None]
    assert space.cost.flash_bytes(x).tolist() == [m.flash_bytes for m in found if m is not None]


def test_costs_of_a_large_space_are_exact_for_200_archs() -> None:
    space = model("mbv3")
    x = space.archs(200, seed=1)
    found = profiles(space, x)
    assert space.cost.macs(x).tolist() == [p.macs for p in found]
    assert space.cost.params(x).tolist() == [p.params for p in found]
    assert space.cost.peak_memory(x, 1).tolist() == [p.peak_elements for p in found]


@pytest.mark.parametrize("case", PUBLISHED, ids=range(len(PUBLISHED)))
def test_mobilenet_v3_costs_what_the_reference_costs(case: dict[str, Any]) -> None:
    stages = {}
    for i, depth in enumerate(case["d"]):
        own = slice(4 * i, 4 * i + depth)
        pairs = zip(case["ks"][own], case["e"][own], strict=True)
        blocks = [{"kernel": kernel, "expand": expand} for kernel, expand in pairs]
        stages[f"s{i + 1}"] = {"depth": depth, "blocks": blocks}
    cost = model("mbv3").cost
    x = cost.encode([{"space": "mbv3", "resolution": case["resolution"], "stages": stages}])
    assert cost.params(x).tolist() == [case["params"]]
    assert cost.macs(x).tolist() == [case["macs"]]


def test_the_ends_of_mobilenet_v3_cost_what_is_published() -> None:
    cost = model("mbv3").cost
    largest = np.array([[len(values) - 1 for values in cost.CHOICES]], np.uint8)
    assert (cost.params(largest), cost.macs(largest)) == (7_664_760, 566_170_656)
    smallest = np.zeros_like(largest)
    assert (cost.params(smallest), cost.macs(smallest)) == (3_410_792, 41_476_224)


@pytest.mark.parametrize("name", SPACES)
def test_a_dimension_that_does_not_matter_changes_no_cost(name: str) -> None:
    space = model(name)
    x = space.archs(50)
    rng = np.random.default_rng(0)
    other = rng.integers(0, 256, x.shape) % [len(values) for values in space.cost.CHOICES]
    changed = np.where(space.cost.matters(x), x, other)
    for quantity in (space.cost.macs, space.cost.params, space.cost.peak_memory):
        assert (quantity(x) == quantity(changed)).all()


def test_bytes_are_elements_times_their_size() -> None:
    cost, x = model("widths").cost, model("widths").archs(20)
    assert (cost.weight_bytes(x) == 4 * cost.params(x)).all()
    assert (cost.weight_bytes(x, 1) == cost.params(x)).all()
    assert (cost.peak_memory(x) == 4 * cost.peak_memory(x, 1)).all()


@pytest.mark.parametrize("name", SPACES)
def test_the_model_in_process_is_the_generated_one(name: str) -> None:
    space = model(name)
    own = Costs(space.checked, space.graph)
    x = space.cost.sample(200, np.random.default_rng(3))
    assert (own.sample(200, np.random.default_rng(3)) == x).all()
    quantities = ["macs", "params", "weight_bytes", "peak_memory", "contains", "matters"]
    if own.micro:
        quantities += ["arena_bytes", "flash_bytes"]
    for quantity in quantities:
        assert (getattr(own, quantity)(x) == getattr(space.cost, quantity)(x)).all(), quantity
    assert own.decode(x) == space.cost.decode(x)
    assert (own.encode(own.decode(x)) == x).all()


def test_chunks_do_not_show() -> None:
    cost = model("widths").cost
    x = cost.sample(3 * 8192 + 5, np.random.default_rng(0))
    pieces = [cost.macs(part) for part in np.array_split(x, 7)]
    assert (cost.macs(x) == np.concatenate(pieces)).all()
    assert cost.macs(x[:0]).shape == (0,)


def test_a_residual_input_is_held_until_it_is_added() -> None:
    text = """
    space held() {
      input image(channels: 1, size: 8)
      conv(4)
      residual { conv(16); act(relu); conv(4) }
    }
    """
    checked = check_text(text)
    assert checked is not None
    (profile,) = [interpret(lower(checked), {"resolution": 8})]
    live = [record.live_elements // 64 for record in profile.records]
    # image + 4; 4 + 16; in place; 4 + 16 + 4; added in place into what the last one gave
    assert live == [5, 20, 20, 24, 8]
    assert profile.peak_elements == 24 * 64


def test_records_hold_plain_sizes() -> None:
    space = model("mbv3")
    (profile,) = profiles(space, space.archs(1))
    record = next(r for r in profile.records if r.name == "s2.1.depthwise")
    assert (record.stage, record.block) == ("s2", 1)
    assert all(isinstance(getattr(record.op, f), int) for f in ("channels", "kernel", "stride"))
    assert record.inputs[0][0] == record.output[0] == record.op.channels
    assert record.weight_elements == record.op.channels * record.op.kernel**2


def test_a_cost_beyond_64_bits_is_refused() -> None:
    text = (
        "space huge() { input image(channels: 3, size: {8, 200000}); conv(900000); conv(900000) }"
    )
    checked = check_text(text)
    assert checked is not None
    with pytest.raises(Diagnostics, match="OFA045"):
        emit_cost(checked, lower(checked), source="huge.ofa")


def test_the_hash_of_a_space_tells_spaces_apart() -> None:
    checked = [
        check_text(f"space a() {{ input image(channels: 3, size: 8); conv({n}) }}") for n in (4, 5)
    ]
    hashes = {space_hash(c, lower(c)) for c in (*checked, checked[0]) if c is not None}
    assert len(hashes) == 2
    assert model("mbv3").cost.SPACE_HASH == space_hash(model("mbv3").checked, model("mbv3").graph)


class Used(TorchFunctionMode):
    """Counts the weights that a forward uses, and leaves kernel transforms out.

    A subnet that is taken out of its supernet has its kernels transformed once and for all.
    """

    views = frozenset(
        ("__getitem__", "__get__", "flatten", "unflatten", "transpose", "view", "reshape")
    )

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        named = dict(net.named_parameters())
        self.transforms = {id(p) for name, p in named.items() if ".transform_" in name}
        self.weights = {id(p): p for p in named.values()}
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if len(args) > 1 and id(args[1]) in self.transforms:
            return args[0]
        given = [*args, *(kwargs or {}).values()]
        used = [a for a in given if isinstance(a, torch.Tensor) and id(a) in self.weights]
        out = func(*args, **(kwargs or {}))
        if used and func.__name__ in self.views:
            if isinstance(out, torch.Tensor):
                self.weights[id(out)] = out
        else:
            self.count += sum(self.weights.pop(id(a)).numel() for a in used)
        return out


@pytest.mark.parametrize("name", [*OWN, *SHIPPED])
def test_torch_counts_the_same(name: str) -> None:
    space = compiled(name)
    with torch.device("meta"):
        net = space.module.Supernet().eval()
    # the interpreter is compared on many more; of torch's own, OFADSL_ARCHS=200 takes minutes
    few = int(os.environ.get("OFADSL_ARCHS", "6"))
    arch = space.module.Arch
    archs = [arch.largest(), arch.smallest(), *space.archs(few)]
    x = space.module.cost.encode([arch.to_dict() for arch in archs])
    macs, params = space.module.cost.macs(x), space.module.cost.params(x)
    for i, arch in enumerate(archs):
        shape = (1, space.module.CHANNELS, arch.resolution, arch.resolution)
        image = torch.empty(shape, device="meta")
        with torch.no_grad(), FlopCounterMode(display=False) as flops, Used(net) as used:
            net(image, arch)
        assert flops.get_total_flops() == 2 * macs[i]
        assert used.count == params[i]


@pytest.mark.parametrize("divisor", [1, 2, 3, 8, 9])
def test_arrays_are_rounded_as_numbers_are(divisor: int) -> None:
    values = np.concatenate([np.arange(0, 300), np.arange(0, 300) / 7])
    for least in (None, 1, 20):
        more = () if least is None else (least,)
        expected = [divisible(value, divisor, *more) for value in values.tolist()]
        assert runtime.divisible(values, divisor, *more).tolist() == expected
    each = runtime.divisible(values, np.full(len(values), divisor))
    assert each.tolist() == [divisible(value, divisor) for value in values.tolist()]
