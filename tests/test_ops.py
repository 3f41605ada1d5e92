"""Every op beside torch's own: its shape, its tensors, its multiply-adds, what it demands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ofadsl import nn
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT, Footprint, footprint, fused
from ofadsl.expr import UNKNOWN, Expr, Var, const, evaluate
from ofadsl.graph import Shape
from ofadsl.ops import OPS
from ofadsl.ops.activation import FUNCTIONS
from ofadsl.ops.attention import grid
from ofadsl.ops.base import Op
from ofadsl.ops.join import Add, Concat

F = torch.nn.functional
Plain = int | float | bool | str


def shape(*extents: int) -> Shape:
    channels, *spatial = extents
    return Shape(channels=const(channels), spatial=tuple(map(const, spatial)))


def built(name: str, x: Shape, **args: Plain | Expr) -> Op:
    """Return the op with its arguments as the language would give them."""
    known = {arg.name: arg.default for arg in OPS[name].arguments}
    values = {key: const(args.get(key, default)) for key, default in known.items()}  # type: ignore[arg-type]
    assert args.keys() <= known.keys()
    return OPS[name].build(x, values)


def plain(value: Any) -> Any:
    return evaluate(value, {}) if isinstance(value, Expr) else value


def module(op: Op) -> nn.Elastic:
    """Return the module of an op without choices, its tensors at random."""
    made: nn.Elastic = getattr(nn, op.module)(
        **{f.name: plain(getattr(op, f.name)) for f in fields(op)}
    )
    torch.manual_seed(0)
    for name, tensor in made.state_dict().items():
        tensor.uniform_(0.5, 1.5) if "running" in name else tensor.normal_()
    return made.eval()


@dataclass(frozen=True)
class Case:
    """An op on an input, and what is known of it."""

    name: str
    x: tuple[int, ...]
    y: tuple[int, ...]
    args: dict[str, Plain] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    macs: int = 0
    scratch: int = 0
    torch: Callable[[Any, Tensor], Tensor] | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.args} on {self.x}"


CASES = [
    Case(
        name="conv",
        x=(4, 7, 9),
        args={"out": 8, "kernel": 3, "stride": 2, "groups": 2, "bias": True},
        y=(8, 4, 5),
        weights={"weight": 8 * 2 * 9, "bias": 8},
        macs=9 * 2 * 8 * 20,
        torch=lambda n, x: F.conv2d(x, n.weight, n.bias, 2, 1, 1, 2),
    ),
    Case(
        name="conv",
        x=(3, 7, 8),
        args={"out": 5, "stride": 2},
        y=(5, 4, 4),
        weights={"weight": 15},
        macs=3 * 5 * 16,
        torch=lambda n, x: F.conv2d(x, n.weight, None, 2),
    ),
    Case(
        name="conv",
        x=(2, 10, 12),
        args={"out": 1, "kernel": 5, "stride": 3},
        y=(1, 4, 4),
        weights={"weight": 50},
        macs=25 * 2 * 16,
        torch=lambda n, x: F.conv2d(x, n.weight, None, 3, 2),
    ),
    Case(
        name="dwconv",
        x=(6, 5, 6),
        args={"kernel": 3, "stride": 2},
        y=(6, 3, 3),
        weights={"weight": 54},
        macs=9 * 6 * 9,
        torch=lambda n, x: F.conv2d(x, n.weight, None, 2, 1, 1, 6),
    ),
    Case(
        name="dwconv",
        x=(4, 8, 9),
        args={"kernel": 7, "bias": True},
        y=(4, 8, 9),
        weights={"weight": 4 * 49, "bias": 4},
        macs=49 * 4 * 72,
        torch=lambda n, x: F.conv2d(x, n.weight, n.bias, 1, 3, 1, 4),
    ),
    Case(
        name="max_pool",
        x=(4, 7, 8),
        args={"kernel": 3, "stride": 2},
        y=(4, 4, 4),
        torch=lambda n, x: F.max_pool2d(x, 3, 2, 1),
    ),
    Case(
        name="max_pool",
        x=(1, 9, 5),
        args={"kernel": 5, "stride": 4},
        y=(1, 3, 2),
        torch=lambda n, x: F.max_pool2d(x, 5, 4, 2),
    ),
    Case(
        name="avg_pool",
        x=(3, 7, 8),
        args={"stride": 2},
        y=(3, 4, 4),
        torch=lambda n, x: F.avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False),
    ),
    Case(
        name="avg_pool",
        x=(3, 6, 10),
        args={"stride": 3},
        y=(3, 2, 4),
        torch=lambda n, x: F.avg_pool2d(x, 3, 3, ceil_mode=True, count_include_pad=False),
    ),
    Case(name="global_avg_pool", x=(5, 4, 3), y=(5, 1, 1), torch=lambda n, x: x.mean((2, 3), True)),
    Case(
        name="linear",
        x=(12,),
        args={"out": 10},
        y=(10,),
        weights={"weight": 120, "bias": 10},
        macs=120,
        torch=lambda n, x: F.linear(x, n.weight, n.bias),
    ),
    Case(
        name="linear",
        x=(12, 5),
        args={"out": 10, "bias": False},
        y=(10, 5),
        weights={"weight": 120},
        macs=600,
        torch=lambda n, x: F.linear(x, n.weight),
    ),
    Case(
        name="linear",
        x=(12, 1, 1),
        args={"out": 10},
        y=(10,),
        weights={"weight": 120, "bias": 10},
        macs=120,
        torch=lambda n, x: F.linear(x[:, :, 0, 0], n.weight, n.bias),
    ),
    Case(
        name="bn",
        x=(6, 3, 4),
        y=(6, 3, 4),
        args={"eps": 0.5},
        weights={"weight": 6, "bias": 6},
        torch=lambda n, x: F.batch_norm(
            x, n.running_mean, n.running_var, n.weight, n.bias, False, 0.1, 0.5
        ),
    ),
    Case(
        name="ln",
        x=(6, 3),
        y=(6, 3),
        args={"eps": 0.5},
        weights={"weight": 6, "bias": 6},
        torch=lambda n, x: F.layer_norm(x, (6,), n.weight, n.bias, 0.5),
    ),
    Case(
        name="ln",
        x=(6,),
        y=(6,),
        weights={"weight": 6, "bias": 6},
        torch=lambda n, x: F.layer_norm(x, (6,), n.weight, n.bias, 1e-5),
    ),
    Case(
        name="ln",
        x=(6, 3, 4),
        y=(6, 3, 4),
        weights={"weight": 6, "bias": 6},
        torch=lambda n, x: F.layer_norm(x.movedim(1, 3), (6,), n.weight, n.bias).movedim(3, 1),
    ),
    Case(
        name="act", x=(6, 3, 4), args={"kind": "relu6"}, y=(6, 3, 4), torch=lambda n, x: F.relu6(x)
    ),
    Case(name="identity", x=(6, 3), y=(6, 3), torch=lambda n, x: x),
    Case(
        name="squeeze_excite",
        x=(8, 4, 5),
        args={"hidden": 3, "act": "tanh", "gate": "sigmoid"},
        y=(8, 4, 5),
        weights={"reduce_weight": 24, "reduce_bias": 3, "expand_weight": 24, "expand_bias": 8},
        macs=48,
        scratch=11,
        torch=lambda n, x: (
            x
            * F.conv2d(
                F.conv2d(x.mean((2, 3), True), n.reduce_weight, n.reduce_bias).tanh(),
                n.expand_weight,
                n.expand_bias,
            ).sigmoid()
        ),
    ),
    Case(
        name="shuffle",
        x=(6, 2, 2),
        args={"groups": 3},
        y=(6, 2, 2),
        torch=lambda n, x: x[:, [0, 2, 4, 1, 3, 5]],
    ),
    Case(
        name="patch_embed",
        x=(3, 8, 12),
        args={"out": 6, "patch": 4},
        y=(6, 6),
        weights={"weight": 288, "bias": 6},
        macs=16 * 3 * 6 * 6,
        torch=lambda n, x: F.conv2d(x, n.weight, n.bias, 4).flatten(2).mT,
    ),
    Case(
        name="class_token",
        x=(8, 6),
        y=(8, 7),
        weights={"token": 8},
        torch=lambda n, x: torch.cat([n.token.expand(len(x), 1, 8), x], 1),
    ),
    Case(
        name="position_table",
        x=(8, 7),
        y=(8, 7),
        weights={"table": 56},
        torch=lambda n, x: x + n.table,
    ),
    Case(
        name="mean_tokens",
        x=(8, 7),
        args={"skip": 2},
        y=(8,),
        torch=lambda n, x: x[:, 2:].mean(1),
    ),
    Case(name="mean_tokens", x=(8, 7), y=(8,), torch=lambda n, x: x.mean(1)),
    Case(name="first_token", x=(8, 7), y=(8,), torch=lambda n, x: x[:, 0]),
    Case(
        name="attention",
        x=(6, 5),
        args={"heads": 2, "head_dim": 4},
        y=(6, 5),
        weights={"qkv_weight": 144, "qkv_bias": 24, "proj_weight": 48, "proj_bias": 6},
        macs=5 * 6 * 8 * 4 + 25 * 8 * 2,
        scratch=2 * 4 * 5 * 3 + 2 * 25,  # query, key and value; the scores of each head
    ),
    Case(
        name="attention",
        x=(6, 5),
        args={"heads": 2, "head_dim": 4, "relative": 1},
        y=(6, 5),
        weights={
            "qkv_weight": 144,
            "qkv_bias": 24,
            **dict.fromkeys(
                ("key_vertical", "key_horizontal", "value_vertical", "value_horizontal"), 16
            ),
            "proj_weight": 48,
            "proj_bias": 6,
        },
        macs=5 * 6 * 8 * 4 + 25 * 8 * 4,
        scratch=170 + 2 * 25 + 4 * 25,  # other scores; a vector for each pair of tokens
    ),
]


def test_every_op_is_looked_at() -> None:
    assert {case.name for case in CASES} == OPS.keys()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_op_declares_what_torch_does(case: Case) -> None:
    x, y = shape(*case.x), shape(*case.y)
    op = built(case.name, x, **case.args)
    assert [evaluate(d.condition, {}) for d in op.demands(x)].count(False) == 0
    assert op.infer(x) == y
    assert {name: plain(size) for name, size in op.weights().items()} == case.weights
    assert plain(op.macs(x, y)) == case.macs
    assert plain(op.scratch) == case.scratch
    net = module(op)
    tokens = len(case.x) == 2
    image = torch.randn(2, *(case.x[::-1] if tokens else case.x))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        found = net(image)
    assert found.shape[1:] == (case.y[::-1] if len(case.y) == 2 else case.y)
    assert counter.get_total_flops() == 2 * 2 * case.macs
    kept = {n: p.numel() for n, p in net.named_parameters()}
    assert kept == case.weights
    if case.torch is not None:
        with torch.no_grad():
            torch.testing.assert_close(found, case.torch(net, image))


@pytest.mark.parametrize(
    ("kind", "at"),
    {
        "relu": (0.0, 0.0, 1.0, 7.0),
        "relu6": (0.0, 0.0, 1.0, 6.0),
        "hswish": (0.0, -1 / 3, 2 / 3, 7.0),
        "swish": (-0.0719, -0.2689, 0.7311, 6.9936),
        "gelu": (0.0, -0.1587, 0.8413, 7.0),
        "hsigmoid": (0.0, 1 / 3, 2 / 3, 1.0),
        "sigmoid": (0.0180, 0.2689, 0.7311, 0.9991),
        "tanh": (-0.9993, -0.7616, 0.7616, 1.0),
    }.items(),
)
def test_an_activation_has_its_published_values(kind: str, at: tuple[float, ...]) -> None:
    x = torch.tensor([-4.0, -1.0, 1.0, 7.0])
    found = nn.Activation(kind=kind)(x)
    torch.testing.assert_close(found, torch.tensor(at), atol=2e-4, rtol=0)
    assert kind in FUNCTIONS


REFUSED: list[tuple[str, tuple[int, ...], dict[str, Plain], set[str]]] = [
    ("conv", (4, 2, 2), {"out": 8, "kernel": 3}, set()),
    ("conv", (4, 1, 1), {"out": 8, "kernel": 3}, {"OFA063"}),
    ("conv", (4, 3, 3), {"out": 8, "kernel": 5}, set()),
    ("conv", (4, 2, 2), {"out": 8, "kernel": 5}, {"OFA063"}),
    ("conv", (4, 8, 8), {"out": 8, "kernel": 4}, {"OFA060"}),
    ("conv", (4, 8, 8), {"out": 0}, {"OFA062"}),
    ("conv", (4, 8, 8), {"out": 1, "stride": 0}, {"OFA062"}),
    ("conv", (4, 8, 8), {"out": 1, "kernel": -1}, {"OFA062"}),
    ("conv", (4, 8, 8), {"out": 4, "groups": 0}, {"OFA062"}),
    ("conv", (3, 8, 8), {"out": 5, "groups": 0}, {"OFA062"}),
    ("conv", (4, 8, 8), {"out": 8, "groups": 4}, set()),
    ("conv", (6, 8, 8), {"out": 8, "groups": 4}, {"OFA061"}),
    ("conv", (8, 8, 8), {"out": 6, "groups": 4}, {"OFA061"}),
    ("conv", (4, 3, 3), {"out": 1, "stride": 3}, set()),
    ("conv", (4, 2, 2), {"out": 1, "stride": 3}, {"OFA064"}),
    ("conv", (4, 9), {"out": 1}, {"OFA065"}),
    ("dwconv", (4, 2, 2), {"kernel": 5}, {"OFA063"}),
    ("dwconv", (4,), {"kernel": 1}, {"OFA065"}),
    ("max_pool", (4, 8, 8), {"kernel": 2, "stride": 2}, {"OFA060"}),
    ("avg_pool", (4, 2, 2), {"stride": 3}, {"OFA064"}),
    ("avg_pool", (4, 2), {"stride": 1}, {"OFA065"}),
    ("global_avg_pool", (4, 2), {}, {"OFA065"}),
    ("bn", (4, 2), {}, {"OFA065"}),
    ("linear", (4, 1, 1), {"out": 1}, set()),
    ("linear", (4, 2, 1), {"out": 1}, {"OFA066"}),
    ("linear", (4, 1, 2), {"out": 1}, {"OFA066"}),
    ("linear", (4,), {"out": 0}, {"OFA062"}),
    ("squeeze_excite", (4, 2, 2), {"hidden": 1}, set()),
    ("squeeze_excite", (4, 2, 2), {"hidden": 0}, {"OFA062"}),
    ("squeeze_excite", (4, 2), {"hidden": 1}, {"OFA065"}),
    ("shuffle", (8, 2, 2), {"groups": 3}, {"OFA061"}),
    ("shuffle", (7, 2, 2), {"groups": 0}, {"OFA062"}),
    ("shuffle", (8, 2), {"groups": 1}, {"OFA065"}),
    ("patch_embed", (3, 8, 12), {"out": 1, "patch": 1}, set()),
    ("patch_embed", (3, 8, 12), {"out": 1, "patch": 8}, {"OFA071"}),
    ("patch_embed", (3, 12, 8), {"out": 1, "patch": 8}, {"OFA071"}),
    ("patch_embed", (3, 8, 8), {"out": 0, "patch": 8}, {"OFA062"}),
    ("patch_embed", (3, 7, 7), {"out": 1, "patch": 0}, {"OFA062"}),
    ("patch_embed", (3, 8), {"out": 1, "patch": 1}, {"OFA065"}),
    ("class_token", (8, 2, 2), {}, {"OFA070"}),
    ("position_table", (8,), {}, {"OFA070"}),
    ("first_token", (8,), {}, {"OFA070"}),
    ("mean_tokens", (8, 3), {"skip": 2}, set()),
    ("mean_tokens", (8, 3), {"skip": 3}, {"OFA074"}),
    ("mean_tokens", (8, 3), {"skip": -1}, {"OFA074"}),
    ("mean_tokens", (8, 2, 2), {}, {"OFA070"}),
    ("attention", (8, 3), {"heads": 1, "head_dim": 1}, set()),
    ("attention", (8, 3), {"heads": 0}, {"OFA062"}),
    ("attention", (8, 3), {"heads": 1, "head_dim": 0}, {"OFA062"}),
    ("attention", (8, 3), {"heads": 1, "relative": -1}, {"OFA075", "OFA073"}),
    ("attention", (8, 3), {"heads": 1, "relative": 1}, {"OFA073"}),
    ("attention", (8, 3, 3), {"heads": 1}, {"OFA070"}),
    *(("attention", (8, n), {"heads": 1, "relative": 2}, set()) for n in (1, 2, 4, 5, 9, 10)),
    *(("attention", (8, n), {"heads": 1, "relative": 2}, {"OFA073"}) for n in (0, 6, 8, 11)),
]


@pytest.mark.parametrize(("name", "x", "args", "codes"), REFUSED)
def test_what_an_op_demands_is_exact(
    name: str, x: tuple[int, ...], args: dict[str, Plain], codes: set[str]
) -> None:
    op = built(name, shape(*x), **args)
    found = {d.code for d in op.demands(shape(*x)) if evaluate(d.condition, {}) is False}
    assert found == codes


KERNEL, WIDTH = Var("kernel", (3, 5, 7)), Var("width", (16, 24))
IMAGE = Shape(channels=WIDTH, spatial=(Var("resolution", (31, 64)),) * 2)


def test_transforms_stand_between_the_kernels_that_can_be_chosen() -> None:
    def steps(kernel: Expr | int, resize: str = "transform") -> Any:
        op: Any = built("dwconv", IMAGE, kernel=kernel, resize=resize)
        return op.steps

    assert steps(KERNEL) == (7, 5, 3)
    assert steps(Var("kernel", (3, 5), 9)) == (9, 5, 3)
    assert steps(KERNEL * 2 + 1) == (15, 11, 7)
    assert steps(KERNEL, "crop") == steps(5) == steps(KERNEL + Var("more", (0, 2))) == ()


def test_transforms_belong_to_the_supernet_alone() -> None:
    op = built("dwconv", IMAGE, kernel=KERNEL)
    tensors = op.params()
    sizes = {
        n: [plain(c.size) for c in p.cuts] for n, p in tensors.items() if p.role == "transform"
    }
    assert sizes == {"transform_7to5": [25, 25], "transform_5to3": [9, 9]}
    assert tensors["weight"].steps == (7, 5, 3)
    assert op.weights().keys() == {"weight"}


def test_sizes_of_an_elastic_op_follow_the_choices() -> None:
    op = built("conv", IMAGE, out=WIDTH * 2, kernel=KERNEL, stride=2, bias=True)
    out = op.infer(IMAGE)
    for size, rows in ((31, 16), (64, 32)):
        env = {"kernel": 5, "width": 24, "resolution": size}
        assert [evaluate(e, env) for e in (out.channels, *out.spatial)] == [48, rows, rows]
        assert evaluate(op.macs(IMAGE, out), env) == 25 * 24 * 48 * rows * rows
        kept = {name: evaluate(size, env) for name, size in op.weights().items()}
        assert kept == {"weight": 25 * 24 * 48, "bias": 48}


def test_an_elastic_kernel_is_judged_by_its_smallest_choice() -> None:
    for extent, codes in ((2, set()), (1, {"OFA063"})):
        x = shape(4, extent, extent)
        op = built("dwconv", x, kernel=KERNEL)
        env = {"kernel": 7}
        assert {d.code for d in op.demands(x) if not evaluate(d.condition, env)} == codes


def test_what_is_allocated_is_odd_too() -> None:
    for allocated, codes in ((9, set()), (8, {"OFA060"})):
        op = built("dwconv", IMAGE, kernel=Var("kernel", (3, 5), allocated))
        env = {"kernel": 3, "width": 16, "resolution": 64}
        assert {d.code for d in op.demands(IMAGE) if not evaluate(d.condition, env)} == codes


def test_sums_and_concatenations_take_branches_of_one_size() -> None:
    one, wide, small = shape(8, 4, 4), shape(16, 4, 4), shape(8, 2, 4)
    tokens = shape(8, 16)

    def refused(op: Op, *inputs: Shape) -> list[str]:
        return [d.code for d in op.demands(*inputs) if not evaluate(d.condition, {})]

    assert refused(Add(), one, one, one) == []
    assert refused(Add(), one, wide, small) == ["OFA067", "OFA067"]
    assert refused(Add(), one, tokens) == ["OFA067"]
    assert refused(Concat(), one, wide) == []
    assert refused(Concat(), one, wide, small) == ["OFA068"]
    assert refused(Concat(), one, tokens) == ["OFA068"]
    assert Add().infer(one, one) == one
    assert Concat().infer(one, wide, one) == shape(32, 4, 4)


def test_what_is_unknown_is_not_refused_again() -> None:
    unknown = Shape(channels=UNKNOWN, spatial=(UNKNOWN, UNKNOWN))
    for op in (Add(), Concat()):
        (demand,) = op.demands(unknown, shape(8, 4, 4))
        assert demand.condition is UNKNOWN
        (demand,) = op.demands(Shape(channels=UNKNOWN), shape(8, 4, 4))
        assert demand.condition is UNKNOWN


def test_a_table_of_positions_needs_the_same_number_of_tokens() -> None:
    tokens = Var("tokens", (4, 9))
    x = Shape(channels=const(8), spatial=(tokens,))
    op: Any = built("position_table", x)
    assert op.tokens == 9
    found = [d for d in op.demands(x) if d.code == "OFA072"]
    assert [evaluate(found[0].condition, {"tokens": n}) for n in (4, 9)] == [False, True]


def test_the_grid_of_tokens_is_the_largest_square() -> None:
    assert [grid(n) for n in (0, 1, 2, 4, 5, 8, 9, 16, 197)] == [
        (0, 0),
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 1),
        (2, 4),
        (3, 0),
        (4, 0),
        (14, 1),
    ]


def test_an_op_prints_its_fields() -> None:
    op = built("conv", IMAGE, out=WIDTH * 2, kernel=KERNEL, bias=True)
    assert op.text() == (
        "conv[c_in: width, c_out: width * 2, kernel: kernel, stride: 1, groups: 1, bias: True, "
        "steps: (7, 5, 3)]"
    )


def test_what_takes_the_memory_of_its_input_and_what_minds_the_order_of_channels() -> None:
    every = [*OPS.values(), Add, Concat]
    in_place = {"act", "squeeze_excite", "identity", "bn", "ln", "position_table", "add"}
    assert {op.name for op in every if op.in_place} == in_place
    assert {op.name for op in every if op.ordered} == {"shuffle", "concat"}


@pytest.mark.parametrize(
    ("name", "x", "args", "kept", "file"),
    [
        # weights, then 14 bytes a channel in the file (of a linear layer 20), 8 in memory
        ("conv", (8, 9, 9), {"out": 16}, 16 * 8 + 244, 128 + 16 * 14 + 295),
        ("conv", (8, 9, 9), {"out": 16, "kernel": 3}, 372, 9 * 128 + 16 * 14 + 295),
        ("conv", (8, 9, 9), {"out": 16, "kernel": 3, "groups": 4}, 372, 9 * 32 + 16 * 14 + 295),
        # of stride 2 with a row and a column of zeros, where there is more than one
        ("conv", (8, 9, 9), {"out": 16, "kernel": 3, "stride": 2}, 372, 16 * 128 + 16 * 14 + 295),
        ("conv", (8, 9, 9), {"out": 16, "stride": 2}, 372, 128 + 16 * 14 + 295),
        ("conv", (8, 9, 9), {"out": 16, "kernel": 3, "stride": 3}, 372, 9 * 128 + 16 * 14 + 295),
        ("dwconv", (8, 9, 9), {"kernel": 5}, 8 * 8 + 244, 25 * 8 + 8 * 14 + 295),
        ("dwconv", (8, 9, 9), {"kernel": 5, "stride": 2}, 308, 36 * 8 + 8 * 14 + 295),
        ("linear", (8,), {"out": 10}, 10 * 8 + 244, 80 + 10 * 20 + 295),
        ("global_avg_pool", (8, 9, 9), {}, 184, 200),
        ("bn", (8, 9, 9), {}, 0, 0),
        ("act", (8, 9, 9), {"kind": "relu6"}, 0, 0),
    ],
)
def test_an_op_takes_the_measured_bytes_on_a_microcontroller(
    name: str, x: tuple[int, ...], args: dict[str, Plain], kept: int, file: int
) -> None:
    found = footprint(built(name, shape(*x), **args))
    assert (plain(found.kept), plain(found.file)) == (kept, file)


def test_every_network_takes_some_bytes_on_a_microcontroller() -> None:
    assert (FIXED_KEPT, FIXED_FILE) == (700, 2800)
    assert footprint(Add()) == Footprint(kept=163, file=126)


def test_what_is_part_of_the_op_before_takes_no_bytes() -> None:
    x = shape(8, 4, 4)
    kinds = {kind for kind in FUNCTIONS if fused(built("act", x, kind=kind))}
    assert kinds == {"relu", "relu6"}
    assert fused(built("bn", x))
    assert fused(built("identity", x))
    assert not fused(built("conv", x, out=8))
