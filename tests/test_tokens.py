"""Ops on tokens against the plainest way to write them, and cuts of attention."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ofadsl import nn
from ofadsl.expr import Var, const, evaluate
from ofadsl.graph import Shape
from ofadsl.ops.attention import TABLES, Attention

F = torch.nn.functional


def attention(tokens: int, relative: int) -> nn.Elastic:
    torch.manual_seed(0)
    made = nn.Attention(channels=12, heads=3, head_dim=4, tokens=tokens, relative=relative)
    with torch.no_grad():
        for tensor in made.parameters():
            tensor.normal_(0.0, 0.5)
    return made


def expected(net: nn.Elastic, x: Tensor, heads: int, relative: int) -> Tensor:
    """Return what the attention of the first ``heads`` is, one pair of tokens at a time."""
    tokens, channels = x.shape[1:]
    width = heads * 4
    weight = net.qkv_weight[: 3 * width, :channels]
    parts = [weight[i::3] for i in range(3)]  # rows i, i + 3, ...
    biases = net.qkv_bias[: 3 * width].split(width)
    query, key, value = (
        F.linear(x, w, b).unflatten(2, (heads, 4)) for w, b in zip(parts, biases, strict=True)
    )
    scores = torch.einsum("bnhd,bmhd->bhnm", query, key)
    if relative:
        scores = scores + torch.einsum("bnhd,nmd->bhnm", query, places(net, tokens, relative, 0))
    scores = (scores / math.sqrt(4)).softmax(3)
    out = torch.einsum("bhnm,bmhd->bnhd", scores, value)
    if relative:
        out = out + torch.einsum("bhnm,nmd->bnhd", scores, places(net, tokens, relative, 2))
    return F.linear(out.flatten(2), net.proj_weight[:channels, :width], net.proj_bias[:channels])


def places(net: nn.Elastic, tokens: int, relative: int, first: int) -> Tensor:
    vertical, horizontal = (getattr(net, name) for name in TABLES[first : first + 2])
    side = math.isqrt(tokens)
    before = tokens - side**2
    result = torch.empty(tokens, tokens, 4)
    for n, m in itertools.product(range(tokens), repeat=2):
        rows = columns = 0  # of the class token
        if n >= before and m >= before:
            (a, b), (c, d) = divmod(n - before, side), divmod(m - before, side)
            rows = max(-relative, min(c - a, relative)) + relative + 1
            columns = max(-relative, min(d - b, relative)) + relative + 1
        result[n, m] = vertical[rows] + horizontal[columns]
    return result


@pytest.mark.parametrize("relative", [0, 1, 2, 5])
@pytest.mark.parametrize("tokens", [1, 2, 9, 17])
@pytest.mark.parametrize("heads", [1, 3])
def test_attention_is_what_it_says(tokens: int, relative: int, heads: int) -> None:
    net = attention(tokens, relative)
    x = torch.randn(2, tokens, 10)
    with torch.no_grad():
        found = net(x, channels=10, heads=heads)
        torch.testing.assert_close(found, expected(net, x, heads, relative))


def test_fewer_tokens_use_the_same_tables() -> None:
    net = attention(26, 3)
    x = torch.randn(2, 5, 12)
    with torch.no_grad():
        torch.testing.assert_close(net(x, tokens=5), expected(net, x, 3, 3))


@pytest.mark.parametrize("relative", [0, 3])
def test_attention_counts_what_torch_counts(relative: int) -> None:
    net = attention(17, relative)
    x = torch.randn(1, 17, 12)
    shape = Shape(channels=const(12), spatial=(const(17),))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x)
    assert evaluate(net.op.macs(shape, shape), {}) * 2 == counter.get_total_flops()
    counted = sum(p.numel() for p in net.parameters())
    assert sum(net.op.weights().values()) == counted


def test_attention_can_be_symbolic() -> None:
    heads, width = Var("heads", (3, 4)), Var("embed", (192, 240))
    shape = Shape(channels=width, spatial=(const(197),))
    arguments = {"heads": heads, "head_dim": const(64), "relative": const(14)}
    op = Attention.build(shape, arguments)
    values = {"heads": 3, "embed": 192}
    sizes = {name: evaluate(size, values) for name, size in op.weights().items()}
    assert sizes["qkv_weight"] == 3 * 3 * 64 * 192
    assert sizes["key_vertical"] == 30 * 64
    assert all(evaluate(d.condition, values) for d in op.demands(shape))


def test_attention_is_traced_by_fx_and_compiles_whole() -> None:
    net = attention(17, 2)
    x = torch.randn(2, 17, 12)
    graph = torch.fx.symbolic_trace(torch.nn.Sequential(net))
    whole = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(graph(x), net(x))
        torch.testing.assert_close(whole(x, heads=2), net(x, heads=2))
    torch._dynamo.reset()


def test_a_narrow_attention_trains_its_own_rows_alone() -> None:
    net = attention(9, 2)
    net(torch.randn(2, 9, 8), channels=8, heads=2).square().sum().backward()
    assert net.qkv_weight.grad[:24, :8].abs().min() > 0
    assert net.qkv_weight.grad[24:].abs().sum() == net.qkv_weight.grad[:, 8:].abs().sum() == 0
    assert net.qkv_bias.grad[24:].abs().sum() == 0
    assert net.key_vertical.grad.abs().sum() > 0


def test_layer_norm_of_an_image_is_that_of_each_pixel() -> None:
    net = nn.LayerNorm(channels=6, eps=1e-6, image=True)
    tokens = nn.LayerNorm(channels=6, eps=1e-6)
    x = torch.randn(2, 4, 3, 5)
    found = net(x, channels=4).flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, tokens(x.flatten(2).transpose(1, 2), channels=4))


def test_patches_stand_row_by_row_behind_the_class_token() -> None:
    patches, first = nn.PatchEmbed(c_in=3, c_out=8, patch=4), nn.ClassToken(channels=8)
    x = torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        found = first(patches(x, c_out=6), channels=6)
    expected = torch.einsum("bcij,ocij->bo", x[:, :, 4:8, :4], patches.weight[:6])
    assert found.shape == (2, 7, 6)
    torch.testing.assert_close(found[:, 4], expected + patches.bias[:6])
    assert torch.equal(found[0, 0], first.token[0, 0, :6])


def test_a_mean_can_leave_out_the_class_token() -> None:
    x = torch.randn(2, 5, 3)
    assert torch.equal(nn.MeanTokens(skip=1)(x), x[:, 1:].mean(1))
    assert torch.equal(nn.MeanTokens()(x), x.mean(1))
    assert torch.equal(nn.FirstToken()(x), x[:, 0])
