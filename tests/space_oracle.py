"""What must hold for any space: the oracle of random ones.

In: a space as text. Out: a verdict, accepted or refused, and everything that is not as it should
be. Of an accepted space the supernet runs, costs are what torch counts, subnets equal the supernet,
counts and samplers are exact, archs have one spelling. Of a refused one what the compiler says
against it does break it.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import math
import random
import re
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fixed_spaces import (
    RENAMED,
    Watched,
    check_fixed,
    completed,
    layers,
    meets,
    some_archs,
    watched,
)

from ofadsl.compiler.draw.picture import draw
from ofadsl.compiler.emit.package import emit, write
from ofadsl.compiler.layout.printer import format_file
from ofadsl.compiler.lower import lower
from ofadsl.compiler.parse.parser import parse
from ofadsl.compiler.pipeline import check_file
from ofadsl.compiler.show import summarize
from ofadsl.compiler.syntax import File
from ofadsl.compiler.tree import Checked
from ofadsl.cost.interpret import interpret
from ofadsl.diagnostics import Diagnostics, Source
from ofadsl.expr import UNKNOWN, Apply, evaluate
from ofadsl.graph import Graph
from ofadsl.space import Space
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify
from ofadsl.specialize.write import measure

Row = tuple[int, ...]
COUNTED = 10_000
"""Spaces of so many subnets are counted by trying all choices."""
RARE = 1e-6
"""A sampler that is this unlikely to be uniform is wrong."""
BUCKETS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not hold: its kind, and what was seen."""

    kind: str
    detail: str


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What became of a space."""

    accepted: bool = False
    codes: tuple[str, ...] = ()
    """The codes with which it was refused."""
    undecided: bool = False
    """Whether it was refused because it could not be decided."""
    confirmed: int = 0
    """So many counterexamples were tried, and do break."""
    unconfirmed: list[str] = field(default_factory=list)
    """The codes of what was refused where no arch that breaks was found among those tried."""
    findings: list[Finding] = field(default_factory=list)


def judge(
    texts: Mapping[str, str],
    settings: Mapping[str, str],
    trees: Mapping[str, File] | None = None,
    *,
    samples: int = 10,
    specialised: int = 3,
) -> Verdict:
    """Return what holds and what does not of the space in `main.ofa`."""
    folder = Path(tempfile.mkdtemp(prefix="ofadsl-random-"))
    try:
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        run = _Run(folder=folder, settings=settings, samples=samples, specialised=specialised)
        run.layout(texts, trees or {})
        run.space()
        return run.verdict
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True, kw_only=True)
class _Run:
    folder: Path
    settings: Mapping[str, str]
    samples: int
    specialised: int
    verdict: Verdict = field(default_factory=Verdict)
    rng: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def path(self) -> Path:
        return self.folder / "main.ofa"

    def add(self, kind: str, detail: object) -> None:
        self.verdict.findings.append(Finding(kind=kind, detail=str(detail)))

    def tried(self, kind: str, step: Callable[..., object], *given: Any) -> Any:
        """Return what a step gives; an exception is a finding, and gives None."""
        try:
            return step(*given)
        except Diagnostics as report:
            self.add(f"{kind}: refused", report)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}, {last.name}"
            lines = "".join(traceback.format_exception(error)[-4:])
            self.add(f"{kind}: {type(error).__name__} in {where}", lines)
        return None

    # The text

    def layout(self, texts: Mapping[str, str], trees: Mapping[str, File]) -> None:
        """Check that a text that is printed reads the same."""
        for name, text in texts.items():
            self.tried("layout", self._layout, name, text, trees.get(name))

    def _layout(self, name: str, text: str, tree: File | None) -> None:
        read = parse(Source(path=name, text=text))
        if tree is not None and read != tree:
            self.add("layout: parse(print(tree)) differs", text)
        again = format_file(read)
        if parse(Source(path=name, text=again)) != read:
            self.add("layout: parse(print(text)) differs", again)
        if format_file(parse(Source(path=name, text=again))) != again:
            self.add("layout: the layout of a layout differs", again)

    # Accepted or refused

    def space(self) -> None:
        """Check the space, and then all that it promises."""
        report: Diagnostics | None = None
        checked: Checked | None = None
        with watched() as seen:
            try:
                checked = check_file(self.path, self.settings)
            except Diagnostics as found:
                report = found
            except Exception:
                report = None
        if report is not None:
            self.verdict.codes = tuple(item.code for item in report)
            self.verdict.undecided = "OFA056" in self.verdict.codes
            self.tried("report", str, report)
            self.tried("refusal", self.refused, seen, report)
            return
        if checked is None:  # a crash, or none
            self.tried("check", check_file, self.path, self.settings)
            return
        self.verdict.accepted = True
        graph = self.tried("lower", lower, checked)
        if graph is not None:
            accepted = _Accepted(run=self, checked=checked, graph=graph)
            self.tried("accepted", accepted.everything)

    def refused(self, seen: Watched, report: Diagnostics) -> None:
        """Try what the compiler says against a space."""
        space = seen.space
        named = {code for code in self.verdict.codes if not "OFA040" <= code < "OFA120"}
        if space is None or named:
            return
        if not space.size():
            few = math.prod(len(dim.var.values) for dim in space.dims) <= COUNTED
            left = next(distinct(space), None) if few else None
            if left is not None:
                self.add("refusal: nothing is left, it says, but this is", left)
            return
        self._unused(space, report)
        rest = set(self.verdict.codes) - self._claimed(space, seen) - _NOT_TRIED
        if rest:
            self._searched(space, rest)

    def _claimed(self, space: Space, seen: Watched) -> set[str]:
        """Try the choices that the compiler names; return the codes with which they break."""
        confirmed: set[str] = set()
        for claim in seen.claims:
            if claim.code is not None and claim.code not in self.verdict.codes:
                continue
            values, every = completed(space, claim, self.rng)
            divided = claim.code is None and "OFA046" in self.verdict.codes
            if divided and isinstance(claim.condition, Apply) and claim.condition.op == "!=":
                continue  # nothing is divided by 0, whether it matters or not
            if values is None:
                if every:
                    self.add(f"refusal: no arch has the choices of {claim.code}", claim)
                continue
            if evaluate(claim.condition, values):
                self.add(f"refusal: the choices of {claim.code} break nothing", claim)
                continue
            _, codes = check_fixed(self.path, self.settings, values)
            if RENAMED in codes:
                continue
            if not codes or (claim.code is not None and claim.code not in codes):
                self.add(f"refusal: fixed at the choices of {claim.code} it is fine", claim)
                continue
            self.verdict.confirmed += 1
            confirmed |= codes
        return confirmed

    def _unused(self, space: Space, report: Diagnostics) -> None:
        """Check that a dimension of which nothing depends changes nothing."""
        if self.verdict.codes != ("OFA055",) * len(self.verdict.codes):
            return
        for item in report:
            found = re.search("nothing depends on `(.*)`", item.label)
            assert found is not None, item.label
            dim = next(dim for dim in space.dims if dim.var.name == found[1])
            for values in itertools.islice(some_archs(space, self.rng, 40), 4):
                graphs = set()
                for value in dim.var.values:
                    values = {**values, dim.var.name: value}
                    if not meets(space, values):
                        continue
                    checked, codes = check_fixed(self.path, self.settings, values)
                    assert codes <= {RENAMED}, codes
                    if checked is not None:  # else what is fixed leaves a requirement nothing
                        graphs.add(tuple(layers(checked, values)))
                if len(graphs) > 1:
                    self.add(f"refusal: nothing depends on {found[1]}, it says", values)
                    return
            self.verdict.confirmed += 1

    def _searched(self, space: Space, codes: set[str]) -> None:
        """Look for archs that break by rules that name no choices."""
        number = 1
        for dim in space.dims:
            number *= len(dim.var.values)
        left, tried = set(codes), 0
        for values in some_archs(space, self.rng, 64):
            tried += 1
            left -= check_fixed(self.path, self.settings, values)[1]
            if not left:
                return
        if number <= 64 and tried:
            self.add(f"refusal: {sorted(left)}, but every arch of it is fine", self.verdict.codes)
        self.verdict.unconfirmed += sorted(left)


_NOT_TRIED = {"OFA041", "OFA045", "OFA046", "OFA048", *(f"OFA{n:03}" for n in range(51, 57))}
"""What is said of the space as a whole, or of what stands in it, not of its archs."""


@dataclass(slots=True, kw_only=True)
class _Accepted:
    """The checks of a space that was accepted."""

    run: _Run
    checked: Checked
    graph: Graph

    def everything(self) -> None:
        run = self.run
        run.tried("unknown", self.known)
        rows = run.tried("count", self.counted)
        run.tried("show", lambda: summarize(self.checked))
        run.tried("draw", lambda: draw(self.checked))
        package = run.tried("compile", self.compiled)
        if package is None:
            return
        write(package, run.folder)
        with _Imported(run.folder / package.name) as modules:
            module = run.tried("import", modules)
            if module is None:
                return
            archs = run.tried("archs", self.archs, module)
            if rows is not None:
                run.tried("samplers", self.samplers, module.cost, rows)
            if archs is not None:
                run.tried("costs", self.costs, module.cost, archs)
                self.networks(module, archs)

    def known(self) -> None:
        """Check that nothing is unknown where nothing is wrong."""
        for path, value in _parts(self.checked, "checked"):
            assert value is not UNKNOWN, path
        for node in self.graph.nodes:
            for path, value in _parts(node, node.name):
                assert value is not UNKNOWN, path

    def counted(self) -> list[Row] | None:
        """Check the number of subnets by trying all choices; return them where they are few."""
        size = self.checked.space.size()
        assert size > 0
        if size > COUNTED:
            return None
        rows = list(distinct(self.checked.space))
        assert len(rows) == size, f"{len(rows)} distinct subnets, {size} counted"
        return rows

    def compiled(self) -> Any:
        """Compile twice, from the text on."""
        package = emit(self.checked, "main.ofa")
        again = check_file(self.run.path, self.run.settings)
        assert again is not None
        assert emit(again, "main.ofa") == package, "compiled again, it differs"
        return package

    def archs(self, module: Any) -> list[tuple[Any, Row]]:
        """Return the smallest, the largest and some sampled archs; check how they are written."""
        space, cost = self.checked.space, module.cost
        samples = space.samples(self.run.rng)
        rows = [next(samples) for _ in range(self.run.samples)]
        forms = [space.to_json(row) for row in rows]
        decoded = cost.decode(np.array(rows, np.uint8))
        assert decoded == forms, f"decoded {decoded}, written {forms}"
        encoded = cost.encode(forms)
        assert encoded.tolist() == [list(row) for row in rows], f"encoded {encoded}, not {rows}"
        found = []
        ends = [module.Arch.smallest(), module.Arch.largest()]
        if not space.requirements:
            ends += [module.Arch.sample(self.run.rng) for _ in range(2)]
        for end in ends:
            form = end.to_dict()
            row = tuple(cost.encode([form])[0].tolist())
            assert space.contains(row), f"{form} is outside the space"
            assert space.to_json(row) == form, f"{form}, but canonical is {space.to_json(row)}"
            found.append((end, row))
        for form, row in zip(forms, rows, strict=True):
            arch = module.Arch.from_dict(form)
            again = arch.to_dict()
            assert again == form, f"{form} comes back as {again}"
            found.append((arch, row))
        return found

    def samplers(self, cost: Any, rows: list[Row]) -> None:
        """Check that both samplers are uniform."""
        place = {row: i for i, row in enumerate(rows)}
        number = 30 * min(len(rows), BUCKETS)
        samples = self.checked.space.samples(random.Random(1))
        drawn = [next(samples) for _ in range(number)]
        sampled = cost.sample(number, np.random.default_rng(1)).tolist()
        for name, found in (("Space.samples", drawn), ("cost.sample", map(tuple, sampled))):
            places = [place.get(row) for row in found]
            assert None not in places, f"{name} draws what is no subnet"
            for way, bucket in _BUCKETS.items():
                counts = Counter(bucket(p, len(rows)) for p in places if p is not None)
                sizes = Counter(bucket(p, len(rows)) for p in range(len(rows)))
                likely = uniform(counts, sizes)
                assert likely > RARE, f"{name} by {way}: {likely:.2g}, {counts} of {sizes}"

    def costs(self, cost: Any, archs: list[tuple[Any, Row]]) -> None:
        """Check the costs against the interpreter."""
        x = np.array([row for _, row in archs], np.uint8)
        space = self.checked.space
        profiles = [interpret(self.graph, space.values(row)) for _, row in archs]
        for name, wanted in (
            ("macs", [p.macs for p in profiles]),
            ("params", [p.params for p in profiles]),
        ):
            found = getattr(cost, name)(x).tolist()
            assert found == wanted, f"{name} is {found}, interpreted {wanted}"
        peaks = cost.peak_memory(x, 1).tolist()
        wanted = [p.peak_elements for p in profiles]
        assert peaks == wanted, f"peak memory is {peaks}, interpreted {wanted}"
        if hasattr(cost, "arena_bytes"):
            micro = [p.micro for p in profiles if p.micro is not None]
            assert cost.arena_bytes(x).tolist() == [m.arena_bytes for m in micro]
            assert cost.flash_bytes(x).tolist() == [m.flash_bytes for m in micro]

    # Networks

    def networks(self, module: Any, archs: list[tuple[Any, Row]]) -> None:
        """Run, train and specialise subnets."""
        run = self.run
        torch.manual_seed(0)
        supernet = run.tried("supernet", module.Supernet)
        if supernet is None:
            return
        distinct_archs = list({row: (arch, row) for arch, row in archs}.values())
        for arch, row in distinct_archs:
            if run.tried("forward", self.trained, supernet, module, arch, row) is None:
                return
        _disturb(supernet)
        supernet.eval()
        for arch, row in distinct_archs[: run.specialised]:
            run.tried("subnet", self.subnet, supernet, module, arch, row)
            run.tried("fixed", self.fixed, row)

    def trained(self, supernet: Any, module: Any, arch: Any, row: Row) -> bool:
        """Run a subnet forward and backward."""
        supernet.train()
        supernet.zero_grad(set_to_none=True)
        out = supernet(_images(module, arch, 2), arch)
        wanted = (2, *self.shape(row))
        assert tuple(out.shape) == wanted, (
            f"{arch.to_dict()} gives {tuple(out.shape)}, not {wanted}"
        )
        assert torch.isfinite(out).all(), f"{arch.to_dict()} is not finite"
        if out.requires_grad:
            out.square().mean().backward()
        return True

    def shape(self, row: Row) -> tuple[int, ...]:
        """Return the shape of the output, in the order of torch."""
        values = self.checked.space.values(row)
        shape = self.graph.nodes[-1].shape
        channels, *spatial = (evaluate(e, values) for e in (shape.channels, *shape.spatial))
        found = [*spatial, channels] if len(spatial) == 1 else [channels, *spatial]
        return tuple(n for n in found if isinstance(n, int))

    def subnet(self, supernet: Any, module: Any, arch: Any, row: Row) -> None:
        """Specialise a subnet: it equals the supernet, and is as large as the cost model says."""
        image = _images(module, arch, 1)
        plain = specialize(supernet, arch, fold_bn=False)
        verify(plain, supernet, arch, image, exact=True)
        size = measure(plain, image)
        x = np.array([row], np.uint8)
        macs, params = int(module.cost.macs(x)[0]), int(module.cost.params(x)[0])
        assert (size.macs, size.params) == (macs, params), (
            f"{arch.to_dict()}: torch counts {size}, the cost model macs {macs}, params {params}"
        )
        verify(specialize(supernet, arch), supernet, arch, image, exact=False, tolerance=1e-3)

    def fixed(self, row: Row) -> None:
        """Check the space with an arch fixed: it is valid, and gives the same shape."""
        values = self.checked.space.values(row)
        checked, codes = check_fixed(self.run.path, self.run.settings, values)
        if RENAMED in codes:
            return
        assert not codes, f"fixed at {values} it is refused: {codes}"
        if checked is None:
            return
        shape = checked.body.y
        extents = [evaluate(e, values) for e in (shape.channels, *shape.spatial)]
        mine = self.graph.nodes[-1].shape
        wanted = [evaluate(e, values) for e in (mine.channels, *mine.spatial)]
        assert extents == wanted, f"fixed at {values} it gives {extents}, not {wanted}"


class _Imported:
    """Imports a generated package, and forgets it again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"random_space_{id(self)}"

    def __enter__(self) -> Callable[[], Any]:
        return self._module

    def _module(self) -> Any:
        spec = importlib.util.spec_from_file_location(
            self.name,
            self.folder / "__init__.py",
            submodule_search_locations=[str(self.folder)],
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.name] = module
        spec.loader.exec_module(module)
        return module

    def __exit__(self, *error: object) -> None:
        for name in [n for n in sys.modules if n.partition(".")[0] == self.name]:
            del sys.modules[name]


def distinct(space: Space) -> Iterator[Row]:
    """Yield the distinct subnets by trying all: what does not matter stands at its first choice."""
    names = [dim.var.name for dim in space.dims]
    ready = [{v.name for v in dim.live.support} for dim in space.dims]

    def rows(prefix: Row, values: dict[str, Any]) -> Iterator[Row]:
        at = len(prefix)
        if at == len(space.dims):
            if all(evaluate(r.condition, values) for r in space.requirements) and all(
                evaluate(dim.live, values) or prefix[i] == 0 for i, dim in enumerate(space.dims)
            ):
                yield prefix
            return
        dim = space.dims[at]
        choices = range(len(dim.var.values))
        if ready[at] <= values.keys() and not evaluate(dim.live, values):
            choices = range(1)
        for choice in choices:
            inner = {**values, names[at]: dim.var.values[choice]}
            yield from rows((*prefix, choice), inner)

    return rows((), {})


_BUCKETS: dict[str, Callable[[int, int], int]] = {
    "the last choices": lambda place, number: place % BUCKETS,
    "the first choices": lambda place, number: place * BUCKETS // number,
}


def uniform(counts: Mapping[int, int], sizes: Mapping[int, int]) -> float:
    """Return how likely counts are, where each bucket is as likely as it is large (chi-square)."""
    drawn, total = sum(counts.values()), sum(sizes.values())
    if len(sizes) < 2:
        return 1.0
    expected = {key: drawn * size / total for key, size in sizes.items()}
    square = sum((counts.get(k, 0) - e) ** 2 / e for k, e in expected.items())
    half = torch.tensor([(len(sizes) - 1) / 2, square / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))


def _images(module: Any, arch: Any, batch: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    size = arch.resolution
    return torch.randn(batch, module.CHANNELS, size, size, generator=generator)


def _disturb(supernet: torch.nn.Module) -> None:
    """Give statistics, transforms and biases values that matter."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, tensor in supernet.state_dict().items():
            noise = torch.rand(tensor.shape, generator=generator)
            if "transform" in key or key.endswith("bias"):
                tensor.add_(0.1 * noise)
            elif "running" in key or tensor.dim() == 1:
                tensor.copy_(0.5 + noise)


def _parts(value: object, path: str, deep: int = 0) -> Iterator[tuple[str, object]]:
    """Yield all that an elaborated tree or a graph is made of."""
    yield path, value
    if isinstance(value, tuple):
        for i, part in enumerate(value):
            yield from _parts(part, f"{path}[{i}]", deep + 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            if item.name not in _SKIPPED:
                yield from _parts(getattr(value, item.name), f"{path}.{item.name}", deep + 1)
    elif hasattr(value, "args") and isinstance(value.args, tuple):
        yield from _parts(value.args, f"{path}.args", deep + 1)


_SKIPPED = {"scope", "statement", "declaration", "written", "span"}
