"""Tracing and the passes, on networks written for the purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from ofadsl import nn
from ofadsl.specialize.channels_last import is_channels_last
from ofadsl.specialize.passes import PASSES, run
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.raise_modules import raise_modules
from ofadsl.specialize.trace import trace

F = torch.nn.functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch(nn.Arch):
    space: ClassVar[str] = "tiny"
    width: int = nn.one_of(4, 8)


class Net(torch.nn.Module):
    """A module whose forward is a function of itself, the image and the width."""

    def __init__(
        self, forward: Callable[[Net, Tensor, int], Tensor], **parts: torch.nn.Module
    ) -> None:
        super().__init__()
        self.body = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor, arch: Arch) -> Tensor:
        return self.body(self, x, arch.width)


NARROW = Arch(width=4)


def subnet(net: Net, image: Tensor, *, fold_bn: bool = True) -> GraphModule:
    """Return the narrow subnet, checked: equal without folding, close with it."""
    net.eval()
    specialize(net, NARROW, example=image, fold_bn=False)
    return specialize(net, NARROW, example=image, fold_bn=fold_bn)


def modules(graph: GraphModule) -> list[str]:
    return [str(node.target) for node in graph.graph.nodes if node.op == "call_module"]


def functions(graph: GraphModule) -> list[object]:
    return [n.target for n in graph.graph.nodes if n.op in ("call_function", "call_method")]


def statistics(net: torch.nn.Module) -> None:
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)


@pytest.fixture(name="image")
def make_image() -> Tensor:
    return torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))


def test_what_depends_on_parameters_alone_is_no_node(image: Tensor) -> None:
    conv = nn.DepthwiseConv2d(channels=8, kernel=7, steps=(7, 5, 3))
    net = Net(lambda n, x, w: n.conv(x, kernel=3) * torch.arange(8.0).view(8, 1, 1), conv=conv)
    traced = trace(net, NARROW)
    assert [n.op for n in traced.graph.nodes].count("call_function") == 2
    assert len(modules(subnet(net, image))) == 1


def test_batch_norm_is_folded_into_convolutions(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        return n.norm(n.conv(x, c_out=w), channels=w)

    net = Net(forward, conv=nn.Conv2d(c_in=8, c_out=8, kernel=3), norm=nn.BatchNorm2d(channels=8))
    statistics(net)
    folded, kept = subnet(net, image), subnet(net, image, fold_bn=False)
    assert modules(folded) == ["conv"]
    assert modules(kept) == ["conv", "norm"]
    assert folded.get_submodule("conv").bias is not None
    assert isinstance(kept.get_submodule("norm"), torch.nn.BatchNorm2d)


def test_batch_norm_is_folded_into_a_bias_that_is_there(image: Tensor) -> None:
    conv = torch.nn.Conv2d(8, 8, 3, bias=True)
    net = Net(lambda n, x, w: n.norm(n.conv(x)), conv=conv, norm=torch.nn.BatchNorm2d(8))
    statistics(net)
    assert modules(subnet(net, image)) == ["conv"]


def test_batch_norm_without_scale_and_shift_is_folded(image: Tensor) -> None:
    parts = {"conv": torch.nn.Conv2d(8, 8, 3), "norm": torch.nn.BatchNorm2d(8, affine=False)}
    net = Net(lambda n, x, w: n.norm(n.conv(x)), **parts)
    statistics(net)
    assert modules(subnet(net, image)) == ["conv"]


@pytest.mark.parametrize("eps", [1e-3, 0.5])
def test_batch_norm_is_folded_with_its_own_eps(image: Tensor, eps: float) -> None:
    parts = {"conv": torch.nn.Conv2d(8, 8, 1, bias=False), "norm": torch.nn.BatchNorm2d(8, eps=eps)}
    net = Net(lambda n, x, w: n.norm(n.conv(x)), **parts)
    torch.nn.init.constant_(net.get_buffer("norm.running_var"), 0.25)
    weight = net.get_parameter("conv.weight").detach().clone()
    folded = subnet(net, image).get_submodule("conv")
    assert isinstance(folded.weight, Tensor)
    torch.testing.assert_close(folded.weight, weight / (0.25 + eps) ** 0.5)


def test_batch_norm_is_folded_into_a_linear_layer_of_vectors(image: Tensor) -> None:
    parts = {"linear": torch.nn.Linear(8, 5), "norm": torch.nn.BatchNorm1d(5)}
    net = Net(lambda n, x, w: n.norm(n.linear(x.mean((2, 3), keepdim=True).flatten(1))), **parts)
    statistics(net)
    assert modules(subnet(net, image)) == ["linear"]


def test_batch_norm_over_tokens_is_not_folded(image: Tensor) -> None:
    parts = {"linear": torch.nn.Linear(36, 8), "norm": torch.nn.BatchNorm1d(8)}
    net = Net(lambda n, x, w: n.norm(n.linear(x.flatten(2))), **parts)
    statistics(net)
    assert F.batch_norm in functions(subnet(net, image))


def test_batch_norm_stays_where_the_convolution_has_another_use(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        y = n.conv(x)
        return n.norm(y) + y

    net = Net(forward, conv=torch.nn.Conv2d(8, 8, 1), norm=torch.nn.BatchNorm2d(8))
    statistics(net)
    assert modules(subnet(net, image)) == ["conv", "norm"]


def test_batch_norm_stays_where_the_weights_have_another_use(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        return n.norm(n.conv(x)) + n.conv(x * 2)

    net = Net(forward, conv=torch.nn.Conv2d(8, 8, 1), norm=torch.nn.BatchNorm2d(8))
    statistics(net)
    assert modules(subnet(net, image)) == ["conv", "norm", "conv"]


def test_batch_norm_at_the_start_stays(image: Tensor) -> None:
    net = Net(lambda n, x, w: n.norm(x), norm=torch.nn.BatchNorm2d(8))
    statistics(net)
    assert functions(subnet(net, image)) == [F.batch_norm]


def test_attention_and_layer_norm_are_kept_or_raised() -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        y = n.norm(x + n.token)
        q, k = n.q(y, c_out=w), n.k(y, c_out=w)
        weights = torch.softmax(q @ k.transpose(1, 2) * w**-0.5, dim=-1)
        return x + F.gelu(weights @ y, approximate="tanh")

    parts = {"q": nn.Linear(c_in=8, c_out=8), "k": nn.Linear(c_in=8, c_out=8)}
    net = Net(forward, norm=torch.nn.LayerNorm(8), **parts)
    net.token = torch.nn.Parameter(torch.randn(1, 1, 8))
    found = subnet(net, torch.randn(2, 5, 8))
    assert modules(found) == ["norm", "q", "k"]
    assert isinstance(found.get_parameter("token"), torch.nn.Parameter)
    assert isinstance(found.get_submodule("norm"), torch.nn.LayerNorm)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_norm_of_torch_has_a_bias_where_it_had_one(image: Tensor, bias: bool) -> None:
    norm = torch.nn.LayerNorm(8, bias=bias)
    net = Net(lambda n, x, w: n.norm(x.permute(0, 2, 3, 1)), norm=norm)
    found = subnet(net, image).get_submodule("norm")
    assert isinstance(found, torch.nn.LayerNorm)
    assert (found.bias is not None) is bias


def test_pools_concatenation_and_unknown_modules_are_kept(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        joined = torch.cat([F.max_pool2d(x, 2), n.pool(x), n.drop(x[:, :w, ::2, ::2])], 1)
        return n.shuffle(joined)

    net = Net(
        forward,
        pool=torch.nn.AvgPool2d(2),
        shuffle=torch.nn.ChannelShuffle(2),
        drop=torch.nn.Dropout(0.5),
    )
    assert modules(subnet(net, image)) == ["pool", "shuffle"]


def test_one_module_called_twice_is_one_module(image: Tensor) -> None:
    net = Net(lambda n, x, w: n.conv(n.conv(x)), conv=nn.Conv2d(c_in=8, c_out=8, kernel=3))
    assert modules(subnet(net, image)) == ["conv", "conv"]


def test_two_cuts_of_one_module_are_two_modules(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        return n.conv(x, c_out=w) + n.conv(x[:, :w], c_in=w, c_out=w)

    net = Net(forward, conv=nn.Conv2d(c_in=8, c_out=8, kernel=3))
    assert modules(subnet(net, image)) == ["conv", "conv_1"]


def test_swish_is_one_operation_once_batch_norm_is_folded(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        y = n.conv(x)
        gate = torch.sigmoid(x)
        return y * y.sigmoid() + torch.sigmoid(x) * x + gate * x + gate

    net = Net(forward, conv=nn.Conv2d(c_in=8, c_out=8, kernel=3))
    assert F.silu not in functions(subnet(net, image, fold_bn=False))
    folded = functions(subnet(net, image))
    assert (folded.count(F.silu), folded.count(torch.sigmoid)) == (2, 1)


def test_rows_and_columns_are_averaged_at_once_when_folding(image: Tensor) -> None:
    net = Net(lambda n, x, w: n.pool(x), pool=nn.GlobalAvgPool())
    assert functions(subnet(net, image, fold_bn=False)) == ["mean", "mean"]
    assert functions(subnet(net, image)) == ["mean"]


def test_activations_are_in_place_where_nothing_else_reads_their_input(image: Tensor) -> None:
    def forward(n: Net, x: Tensor, w: int) -> Tensor:
        y = n.conv(F.relu(x))
        z = n.conv(F.relu(y) + F.relu(n.conv(y)))
        return F.hardswish(z.flatten(2)) + F.silu(y + 1).flatten(2)

    net = Net(forward, conv=nn.Conv2d(c_in=8, c_out=8, kernel=3))
    before = image.clone()
    folded = subnet(net, image)
    written = [n.kwargs["inplace"] for n in folded.graph.nodes if "inplace" in n.kwargs]
    assert written == [False, False, True, False, True]
    folded(image.requires_grad_()).sum().backward()
    assert torch.equal(image, before)
    again = before.requires_grad_()
    specialize(net, NARROW, fold_bn=False)(again).sum().backward()
    torch.testing.assert_close(image.grad, again.grad)


def test_weights_lie_with_channels_last_when_folding(image: Tensor) -> None:
    parts = {"conv": nn.Conv2d(c_in=8, c_out=8, kernel=3), "other": torch.nn.Conv2d(8, 8, 1)}
    net = Net(lambda n, x, w: n.other(n.norm(n.conv(x))), norm=torch.nn.BatchNorm2d(8), **parts)
    folded, kept = subnet(net, image), subnet(net, image, fold_bn=False)
    assert all(is_channels_last(p) for p in folded.parameters() if p.ndim == 4)
    assert folded(image).is_contiguous(memory_format=torch.channels_last)
    assert all(p.is_contiguous() for p in kept.parameters())


def test_a_subnet_shares_no_memory_with_its_supernet(image: Tensor) -> None:
    conv = nn.Conv2d(c_in=8, c_out=8, kernel=3)
    net = Net(lambda n, x, w: n.norm(n.conv(x)), conv=conv, norm=nn.BatchNorm2d(channels=8))
    theirs = {t.untyped_storage().data_ptr() for t in net.state_dict().values()}
    for fold_bn in (True, False):
        state = subnet(net, image, fold_bn=fold_bn).state_dict()
        assert all(t.untyped_storage().data_ptr() not in theirs for t in state.values())


def test_a_failing_pass_is_named_and_its_error_kept(image: Tensor) -> None:
    def break_it(graph: GraphModule) -> GraphModule:
        raise KeyError("lost")

    net = Net(lambda n, x, w: n.conv(x), conv=nn.Conv2d(c_in=8, c_out=8, kernel=3))
    with pytest.raises(KeyError) as caught:
        run(trace(net, NARROW), (*PASSES, break_it))
    assert caught.value.__notes__ == ["in the pass break_it"]


def test_a_pass_that_leaves_a_broken_graph_is_named(image: Tensor) -> None:
    def cut(graph: GraphModule) -> GraphModule:
        graph.conv = None  # type: ignore[assignment]
        return graph

    net = Net(lambda n, x, w: n.conv(x), conv=nn.Conv2d(c_in=8, c_out=8, kernel=3))
    with pytest.raises(RuntimeError) as caught:
        run(trace(net, NARROW), (*PASSES, cut))
    assert caught.value.__notes__ == ["in the pass cut"]


def test_the_code_of_a_result_is_that_of_its_graph(image: Tensor) -> None:
    def negated(graph: GraphModule) -> GraphModule:
        (end,) = graph.graph.find_nodes(op="output")
        with graph.graph.inserting_before(end):
            end.args = (graph.graph.call_function(torch.neg, (end.args[0],)),)
        return graph

    net = Net(lambda n, x, w: n.conv(x), conv=torch.nn.Conv2d(8, 8, 1)).eval()
    expected = -net(image, NARROW)
    assert torch.equal(run(trace(net, NARROW), (raise_modules, negated))(image), expected)


def test_a_batch_norm_that_averages_all_batches_alike_is_kept(image: Tensor) -> None:
    net = Net(lambda n, x, w: n.norm(x) + 1, norm=torch.nn.BatchNorm2d(8, momentum=None))
    statistics(net)
    subnet(net, image, fold_bn=False)


def test_control_flow_on_the_image_is_an_error_with_a_note(image: Tensor) -> None:
    net = Net(lambda n, x, w: x if x.sum() > 0 else -x)
    with pytest.raises(torch.fx.proxy.TraceError) as caught:
        specialize(net, NARROW)
    assert "while tracing the supernet with its arch bound" in caught.value.__notes__
