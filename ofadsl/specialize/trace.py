"""Partial evaluation: a supernet and an arch become a graph of what depends on the input.

In: a supernet and an arch. Out: a GraphModule in eval mode; its constants are views of the
supernet's tensors or were computed, and no pass may write into them.
The tracer hands out tensors, not proxies, so whatever depends on parameters alone (slices, kernel
transforms, their products) is computed while tracing and leaves one constant in the graph.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node, Proxy, Tracer
from torch.fx.graph import PythonCode
from torch.fx.node import Argument, Target
from torch.nn.modules.batchnorm import _BatchNorm

from ofadsl.choices import Arch
from ofadsl.nn import bind
from ofadsl.specialize.names import flat, numbered


def trace(supernet: torch.nn.Module, arch: Arch) -> GraphModule:
    """Return the subnet ``arch``, its constants and modules named as in the supernet."""
    root = bind(in_eval_mode(supernet), arch)
    tracer = _Evaluator(root)
    try:
        with torch.no_grad():
            graph = tracer.trace(root)
            attributes: dict[str, Any] = dict(tracer.constants)
            attributes |= {n: copy.deepcopy(m) for n, m in tracer.leaves.items()}
    except Exception as error:
        error.add_note("while tracing the supernet with its arch bound")
        raise
    graph._tracer_cls = Tracer  # a copy or a pickle of the subnet is traced again, without an arch
    return Draft(attributes, graph, "Draft").eval()


class Draft(GraphModule):
    """A subnet between passes: nothing runs it, so no code is written for it."""

    def recompile(self) -> PythonCode:
        """Do nothing."""
        return PythonCode("", {}, None, 0)


def in_eval_mode(module: torch.nn.Module) -> torch.nn.Module:
    """Return ``module`` itself where it is in eval mode, or a view of it that is.

    The view shares every tensor with the module and nothing else.
    """
    return _eval_view(module, {}) if any(m.training for m in module.modules()) else module


class _Evaluator(Tracer):
    """A tracer that computes what it can, and remembers the rest under the supernet's names."""

    def __init__(self, root: torch.nn.Module) -> None:
        super().__init__()
        self.constants: dict[str, Tensor] = {}
        self.leaves: dict[str, torch.nn.Module] = {}
        self._nodes: dict[int, Node] = {}
        self._stack: tuple[str | None, dict[str, tuple[str, Any]]] = (None, {})
        self._kept: list[Tensor] = []  # alive, so that no other tensor gets its id
        tensors = [*root.named_parameters(), *root.named_buffers()]
        self._paths = {id(tensor): _local(name) for name, tensor in tensors}

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Return the attribute itself."""
        return attr_val

    def path_of_module(self, mod: torch.nn.Module) -> str:
        """Return the path in the supernet."""
        return _local(super().path_of_module(mod))

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        """Return whether a call is kept whole: torch's own modules, but those that passes know."""
        return not isinstance(m, _OPENED) and super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self,
        m: torch.nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Trace through a module, or record the call of a leaf."""
        if isinstance(m, torch.nn.Identity | torch.nn.Dropout):
            return args[0]
        if isinstance(m, _BatchNorm):
            # the module's own forward asks for the rank of its input, which a proxy has not
            forward = functools.partial(_normalise, m)
        elif self.is_leaf_module(m, ""):
            self.leaves[self.path_of_module(m)] = m
        return super().call_module(m, forward, args, kwargs)

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any | None = None,
    ) -> Node:
        """Return a new node; its meta says in which modules it was made, as fx has it."""
        # without the type: the annotations of the supernet may be text, which fx cannot write
        node = self.graph.create_node(kind, target, args, kwargs, name)
        if kind in ("call_function", "call_method", "call_module"):
            path = self.scope.module_path
            if self._stack[0] != path:
                self._stack = (path, dict(self.module_stack))
            node.meta["nn_module_stack"] = self._stack[1]
        return node

    def proxy(self, node: Node) -> Proxy:
        """Return what stands for the value of ``node`` while tracing."""
        return _Value(node, self)

    def create_arg(self, a: Any) -> Argument:
        """Return a node for a tensor that has been computed, or what fx makes of the rest."""
        kind = type(a)
        if kind in _PLAIN:
            return a  # type: ignore[no-any-return]
        if kind is _Value:
            return a.node  # type: ignore[no-any-return]
        if kind is tuple:
            return tuple([self.create_arg(value) for value in a])
        if kind is dict:
            return {name: self.create_arg(value) for name, value in a.items()}
        if not isinstance(a, Tensor):
            return super().create_arg(a)
        if id(a) not in self._nodes:
            name = self._name(a)
            # a view tells later passes that the memory is not the subnet's own
            self.constants[name] = a.view_as(a) if id(a) in self._paths else a
            self._kept.append(a)
            self._nodes[id(a)] = self.create_node("get_attr", name, (), {})
        return self._nodes[id(a)]

    def _name(self, tensor: Tensor) -> str:
        """Return a free name: that of the tensor it is a part of, or one for what was computed."""
        whole = tensor if tensor._base is None else tensor._base
        path = self._paths.get(id(whole)) or f"{self.scope.module_path}.folded".lstrip(".")
        return next(name for name in numbered(flat(path)) if name not in self.constants)


class _Value(Proxy):
    """A proxy that knows its tracer, for which fx looks through all arguments of every call."""

    @classmethod
    def __torch_function__(
        cls,
        orig_method: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> Proxy:
        value = next((a for a in args or () if type(a) is _Value), None)
        if value is None or orig_method not in _FUNCTIONS:
            return super().__torch_function__(orig_method, types, args, kwargs)
        name = orig_method.__name__
        return value.tracer.create_proxy(
            "call_function", orig_method, args or (), kwargs or {}, name
        )


_FUNCTIONS: set[Any] = {
    torch.conv1d,
    torch.conv2d,
    torch.conv3d,
    *(getattr(torch.nn.functional, n) for n in ("linear", "batch_norm", "layer_norm")),
    *(getattr(torch.nn.functional, n) for n in ("relu", "relu6", "hardswish", "hardsigmoid")),
}
_PLAIN = frozenset((int, bool, float, str, type(None)))
_OPENED = (
    torch.nn.Conv1d,
    torch.nn.Conv2d,
    torch.nn.Conv3d,
    torch.nn.Linear,
    torch.nn.LayerNorm,
    _BatchNorm,
)


def _normalise(module: _BatchNorm, x: Tensor) -> Tensor:
    training = module.running_mean is None
    return torch.nn.functional.batch_norm(
        x,
        module.running_mean,
        module.running_var,
        module.weight,
        module.bias,
        training,
        0.0 if module.momentum is None else module.momentum,
        module.eps,
    )


def _local(path: str) -> str:
    return path.removeprefix("supernet").removeprefix(".")


def _eval_view(
    module: torch.nn.Module, done: dict[torch.nn.Module, torch.nn.Module]
) -> torch.nn.Module:
    if module not in done:
        view = done[module] = copy.copy(module)
        view.training = False
        view._modules = {
            name: None if child is None else _eval_view(child, done)
            for name, child in module._modules.items()
        }
    return done[module]
