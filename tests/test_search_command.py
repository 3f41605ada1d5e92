"""`ofadsl search` as a user meets it: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ofadsl.cli import main
from ofadsl.commands.search import find, search
from ofadsl.commands.search_setting import Request, prepare, target_for
from ofadsl.diagnostics import Diagnostics
from ofadsl.search.compute import dimensions_of
from ofadsl.search.domain import domain_of
from ofadsl.search.front import Front, front_json, read_front
from ofadsl.search.pick import pick, said
from tests.packages import ROOT, compiled

SPACE = ROOT / "tests/spaces/small.ofa"
LARGE = ROOT / "spaces/mbv3.ofa"
SMALL = compiled("small")
COST = SMALL.module.cost
ESTIMATOR = """
SPACE_HASH = "{hash}"
def latency_ms(x):
    return 1.0 + x.sum(axis=1) / 10
def interval_ms(x, coverage):
    return latency_ms(x) * 0.9, latency_ms(x) * 1.2
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an estimator of `small` for the device `pixel`."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "small").mkdir()
    path = folder / "small/latency_pixel.py"
    path.write_text(ESTIMATOR.format(hash=COST.SPACE_HASH))
    return folder


@pytest.fixture
def request_(generated: Path, tmp_path: Path) -> Request:
    return Request(
        space=SPACE,
        output=tmp_path / "front",
        generated=generated,
        minimize=("latency[pixel]",),
        maximize=("macs",),
        points=20,
    )


def found(request: Request) -> Front:
    return find(request, prepare(request, target_for(request)))[0]


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["search", *args])


def refused(request: Request) -> Diagnostics:
    with pytest.raises(Diagnostics) as report:
        search(request)
    assert not request.output.exists()
    return report.value


def evals(path: Path, count: int = 60) -> Path:
    x = COST.sample(count, np.random.default_rng(0))
    head = {"space": "small", "space_hash": COST.SPACE_HASH}
    pairs = zip(COST.decode(x), np.log(COST.macs(x)), strict=True)
    rows = [{"arch": arch, "top1": float(y) / 20} for arch, y in pairs]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in (head, *rows)))
    return path


def test_the_front_is_written_with_its_archs(request_: Request) -> None:
    where = ("latency[pixel] <= 2 ms and macs >= 0.3M", "resolution == 32")
    answer = search(replace(request_, where=where))
    front = read_front(request_.output)
    assert front_json(front) == answer.data
    assert front.method == "enumeration"
    assert "every subnet was tried" in answer.lines[0]
    names = {path.name for path in request_.output.iterdir()}
    archs = {f"arch-{i + 1:03}.json" for i in range(len(front.archs))}
    assert names == archs | {"pareto.json", "report.html", "state.npz"}
    for i, arch in enumerate(front.archs):
        assert json.loads((request_.output / f"arch-{i + 1:03}.json").read_text()) == arch
    x = COST.encode(front.archs)
    assert np.array_equal(x, front.x)
    assert np.array_equal(front.costs["macs"], COST.macs(x))
    assert front.costs["latency[pixel]"].max() <= 2
    assert front.costs["macs"].min() >= 300_000
    assert {arch["resolution"] for arch in front.archs} == {32}
    assert [(limit.cost, limit.op, limit.bound) for limit in front.limits[:2]] == [
        ("latency[pixel]", "<=", 2.0),
        ("macs", ">=", 3e5),
    ]
    assert front.limits[2].cost == ""
    assert front.units["latency[pixel]"] == "ms"


def test_the_front_is_ordered_by_the_first_objective_and_thinned(request_: Request) -> None:
    whole = found(request_)
    few = found(replace(request_, points=3))
    assert list(whole.values[:, 0]) == sorted(whole.values[:, 0], reverse=True)
    assert len(few.archs) == 3
    assert few.found == whole.found == len(whole.archs) > 3
    assert few.values[[0, 2]].tolist() == whole.values[[0, -1]].tolist()


def test_the_same_seed_writes_the_same_bytes(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_, space=LARGE, minimize=("macs",), maximize=("params",))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        output = Path("front")
        search(replace(request, output=output, population=40, generations=5, seed=3, points=4))
    for path in (tmp_path / "a/front").iterdir():
        assert path.read_bytes() == (tmp_path / "b/front" / path.name).read_bytes()


def test_confidence_takes_the_upper_end_of_intervals(request_: Request) -> None:
    where = ("latency[pixel] <= 2 ms",)
    front = found(replace(request_, where=where, confident=True))
    assert front.intervals["latency[pixel]"][:, 1].max() <= 2
    assert front.costs["latency[pixel]"].max() == pytest.approx(2 / 1.2, abs=0.1)
    assert np.array_equal(front.values[:, 1], front.intervals["latency[pixel]"][:, 1])


def test_bytes_depend_on_the_type_of_numbers(request_: Request) -> None:
    sizes = {dtype: found(replace(request_, dtype=dtype)) for dtype in ("int8", "fp16", "fp32")}
    for name in ("weight_bytes", "peak_memory"):
        one = sizes["int8"].costs[name]
        assert np.array_equal(sizes["fp16"].costs[name], 2 * one)
        assert np.array_equal(sizes["fp32"].costs[name], 4 * one)


def test_fixed_dimensions_are_fixed(request_: Request) -> None:
    front = found(replace(request_, fixed=("resolution=48", "s1[0].kernel=5,7")))
    assert {arch["resolution"] for arch in front.archs} == {48}
    kernels = {arch["stages"]["s1"]["blocks"][0]["kernel"] for arch in front.archs}
    assert kernels <= {5, 7}


@pytest.mark.parametrize("text", ["resolution=33", "resolution", "resoluton=32", "resolution="])
def test_a_dimension_that_cannot_be_fixed_is_refused(request_: Request, text: str) -> None:
    assert "OFA227" in str(refused(replace(request_, fixed=(text,))))


def test_mistakes_of_all_options_come_together(request_: Request) -> None:
    report = refused(
        replace(request_, minimize=("latency[pixl]",), maximize=("mac",), where=("macs <= 3 ms",))
    )
    assert [item.code for item in report] == ["OFA220", "OFA225", "OFA222"]


def test_a_search_for_nothing_is_refused(request_: Request) -> None:
    assert "OFA226" in str(refused(replace(request_, minimize=(), maximize=())))


def test_an_objective_that_says_nothing_is_refused(request_: Request) -> None:
    twice = str(refused(replace(request_, minimize=("macs", "macs"), maximize=())))
    assert "OFA226" in twice
    assert "this is one already" in twice
    both = str(refused(replace(request_, minimize=("macs",), maximize=("macs",))))
    assert "bound it with --where" in both
    none = str(refused(replace(request_, minimize=("20 ms",), maximize=())))
    assert "this is one number for all" in none


def test_what_no_subnet_meets_is_proven_by_trying_all(request_: Request) -> None:
    text = str(refused(replace(request_, where=("macs <= 1M and latency[pixel] < 1 ms",))))
    assert "OFA228" in text
    assert "all 3,612 were tried" in text
    assert "the nearest subnet has 1 ms, 0.00% above" in text
    assert '"space": "small"' in text


def test_what_no_subnet_meets_is_proven_by_the_least_cost(request_: Request) -> None:
    request = replace(request_, space=LARGE, minimize=("macs",), maximize=())
    text = str(refused(replace(request, where=("macs < 41476224 and params > 1",))))
    assert "OFA228" in text
    assert "every subnet has 41,476,224 or more" in text
    text = str(refused(replace(request, where=("peak_memory <= 1 MB",), fixed=("resolution=224",))))
    assert "every subnet has 3,211,264 or more" in text


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("params > 7664760", "every subnet has 7,664,760 or less"),
        ("8M <= params", "every subnet has 7,664,760 or less"),
        ("macs / 1M <= 41 and params > 1", "every subnet has 41.476224 or more"),
        ("macs <= params", "41,476,224 or more on the left, 7,664,760 or less on the right"),
        ("min(resolution, macs) >= 230 or params == 1", "no subnet meets this"),
    ],
)
def test_what_no_subnet_meets_is_proven_by_the_ends_of_both_sides(
    request_: Request, where: str, said: str
) -> None:
    request = replace(request_, space=LARGE, minimize=("macs",), maximize=())
    text = str(refused(replace(request, where=(where,))))
    assert "OFA228" in text
    assert said in text


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("1 > 2", "every subnet has 1 or less on the left, 2 or more on the right"),
        ("macs < params", "on the left, "),
        ("resolution >= 50", "the nearest subnet has 48"),
        ("3 == s1.depth", "the nearest subnet has 2"),
        ("macs / 1M <= 0.1", "the nearest subnet has 0."),
        ("0.1M >= macs", "% above"),
        ("macs < 1 or params < 1", "the nearest subnet breaks this"),
    ],
)
def test_what_the_nearest_subnet_breaks_is_said_of_any_condition(
    request_: Request, where: str, said: str
) -> None:
    text = str(refused(replace(request_, where=(where,))))
    assert "OFA228" in text
    assert said in text


def test_who_stopped_a_search_that_found_nothing_is_told_to_go_on(request_: Request) -> None:
    where = ("macs <= 50M and params >= 7M",)
    request = replace(request_, space=LARGE, minimize=("macs",), maximize=(), where=where)
    text = str(refused(replace(request, time=1e-3)))
    assert "search for longer, or allow more" in text
    assert "OFA229" in text


def test_what_was_not_found_is_reported_with_the_nearest(request_: Request) -> None:
    where = ("macs <= 50M and params >= 7M",)
    request = replace(request_, space=LARGE, minimize=("macs",), maximize=(), where=where)
    text = str(refused(replace(request, population=20, generations=3)))
    assert "OFA229" in text
    assert "the nearest subnet has" in text


def test_a_predictor_of_accuracy_is_maximized_by_default(request_: Request, tmp_path: Path) -> None:
    source = evals(tmp_path / "evals.jsonl")
    path = tmp_path / "p.npz"
    fitted = CliRunner().invoke(main, ["fit-accuracy", str(SPACE), str(source), "-o", str(path)])
    assert fitted.exit_code == 0, fitted.output
    front = found(replace(request_, maximize=(), accuracy=str(path)))
    assert [(one.text, one.maximize) for one in front.objectives] == [
        ("accuracy", True),
        ("latency[pixel]", False),
    ]
    low, high = front.intervals["accuracy"].T
    assert ((low < front.costs["accuracy"]) & (front.costs["accuracy"] < high)).all()


def test_a_table_of_accuracy_gives_archs_of_the_table_only(
    request_: Request, tmp_path: Path
) -> None:
    source = evals(tmp_path / "evals.jsonl", 30)
    front = found(replace(request_, maximize=(), accuracy=str(source)))
    known = {json.dumps(json.loads(line).get("arch")) for line in source.read_text().splitlines()}
    assert {json.dumps(arch) for arch in front.archs} <= known
    assert front.evaluations <= 30


def test_a_source_of_accuracy_is_a_file_or_a_function(request_: Request) -> None:
    assert "OFA232" in str(refused(replace(request_, accuracy="accuracy.csv")))
    assert "OFA234" in str(refused(replace(request_, accuracy="no_such_module:f")))


def test_archs_to_begin_with_are_checked(request_: Request, tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    arch = SMALL.checked.space.to_json(tuple([0] * len(COST.DIMS)))
    path.write_text(json.dumps(arch))
    assert found(replace(request_, start=(path,))).archs
    path.write_text(json.dumps(arch | {"resolution": 33}))
    assert "OFA237" in str(refused(replace(request_, start=(path,))))


def test_a_search_goes_on_only_as_the_same_search(request_: Request) -> None:
    request = replace(
        request_, space=LARGE, minimize=("macs",), maximize=("params",), population=30, points=3
    )
    search(replace(request, generations=3))
    longer = replace(request, generations=6, resume=True)
    assert found(longer).evaluations > 3 * 30
    begun = replace(longer, start=(request.output / "arch-001.json",))
    for other in (replace(longer, seed=9), begun):
        with pytest.raises(Diagnostics, match="OFA235"):
            search(other)
    with pytest.raises(Diagnostics, match="OFA235"):
        search(replace(longer, output=request_.output.parent / "elsewhere"))
    (request_.output / "state.npz").write_bytes(b"")
    with pytest.raises(Diagnostics, match="OFA235"):
        search(longer)


def test_only_a_folder_of_a_front_is_replaced(request_: Request) -> None:
    search(request_)
    for name in ("verified.json", "verified-archs.jsonl", "verified-latency-pixel_7.jsonl"):
        (request_.output / name).write_text("{}")
    search(replace(request_, points=2))
    assert len(list(request_.output.glob("arch-*.json"))) == 2
    assert not list(request_.output.glob("verified*"))
    other = request_.output.parent / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(Diagnostics, match="OFA098"):
        search(replace(request_, output=other))
    (request_.output / "notes.txt").write_text("mine")
    with pytest.raises(Diagnostics, match="OFA098"):
        search(request_)


def test_an_arch_is_picked_by_what_it_costs(request_: Request) -> None:
    front = found(request_)
    at = pick(front, "1.2 ms <= latency[pixel] <= 1.5 ms")
    fitting = front.costs["latency[pixel]"]
    inside = (fitting >= 1.2) & (fitting <= 1.5)
    assert inside[at]
    assert front.costs["macs"][at] == front.costs["macs"][inside].max()
    assert pick(front, None) == 0
    with pytest.raises(Diagnostics, match="OFA238"):
        pick(front, "latency[pixel] <= 0.1 ms")
    with pytest.raises(Diagnostics, match=r"the nearest, arch-\d*, has latency.pixel. 1 ms"):
        pick(front, "latency[pixel] <= 0.1 ms")
    with pytest.raises(Diagnostics, match="did you mean `pixel`"):
        pick(front, "latency[pixl] <= 1 ms")


def test_an_arch_is_picked_by_its_dimensions_as_where_knows_them(request_: Request) -> None:
    front = found(replace(request_, points=1000))
    text = "resolution == 48 and s1.depth >= 2 and s1[1].kernel != 7 and macs >= 0.5M"
    inside = [
        i
        for i, arch in enumerate(front.archs)
        if arch["resolution"] == 48
        and arch["stages"]["s1"]["depth"] >= 2
        and arch["stages"]["s1"]["blocks"][1]["kernel"] != 7
        and front.costs["macs"][i] >= 500_000
    ]
    assert pick(front, text) == inside[0]
    shallow = pick(front, "s1.depth == 1 and s1[1].kernel == 7")  # it has no such block
    assert front.archs[shallow]["stages"]["s1"]["depth"] == 1
    with pytest.raises(Diagnostics, match="has resolution 48"):
        pick(front, "resolution >= 50")
    with pytest.raises(Diagnostics, match=r"did you mean `s1\.depth`"):
        pick(front, "s1.dept >= 2")
    with pytest.raises(Diagnostics, match="the nearest is arch-001"):
        pick(front, "false")


@pytest.mark.parametrize("name", ["small", "mixed", "vit", "fbnet", "mcunet"])
def test_what_an_arch_says_is_what_matters_to_it(name: str) -> None:
    package = compiled(name)
    space, cost = package.checked.space, package.module.cost
    x = domain_of(space, {}).sample(50, np.random.default_rng(0))
    for dim, live in zip(space.dims, dimensions_of(space).live, strict=True):
        matters = np.ones(len(x), np.bool_) if live is None else live(x)
        assert [dim.var.name in said(arch) for arch in cost.decode(x)] == matters.tolist()


def test_a_front_with_a_choice_that_no_space_has_is_refused(request_: Request) -> None:
    search(request_)
    file = request_.output / "pareto.json"
    data = json.loads(file.read_text())
    data["archs"][0]["choices"][0] = 300
    file.write_text(json.dumps(data))
    with pytest.raises(Diagnostics, match="OFA236"):
        read_front(file)


def test_a_bound_that_is_no_number_is_written_as_text_alone(request_: Request) -> None:
    search(replace(request_, where=("macs <= 1 / 0",)))
    (limit,) = read_front(request_.output).limits
    assert (limit.text, limit.cost) == ("macs <= 1 / 0", "")


def test_a_score_that_is_no_number_is_refused_where_it_is_told(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ofadsl_test_nan.py").write_text("def f(x): return x.sum(axis=1) * float('nan')\n")
    monkeypatch.chdir(tmp_path)
    assert "OFA234" in str(refused(replace(request_, accuracy="ofadsl_test_nan:f")))
    asked = replace(request_, accuracy="ofadsl_test_nan:f", maximize=("accuracy",))
    assert "scored as NaN" in str(refused(asked))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', '{"version": 1, "archs": []}'])
def test_what_is_no_front_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pareto.json").write_text(text)
    with pytest.raises(Diagnostics, match="OFA236"):
        read_front(tmp_path)


def test_a_picked_arch_is_specialised(request_: Request, tmp_path: Path) -> None:
    search(replace(request_, points=4))
    args = ["--front", str(request_.output), "--pick", "latency[pixel] <= 1.5", "--no-verify"]
    args += ["--generated", str(tmp_path), "-o", str(tmp_path / "subnet")]
    result = CliRunner().invoke(main, ["specialize", *args])
    assert result.exit_code == 0, result.output
    assert "picked arch-00" in result.output
    record = json.loads((tmp_path / "subnet/subnet.json").read_text())
    assert record["arch"] in [dict(arch) for arch in read_front(request_.output).archs]


def test_the_command_prints_a_table_and_what_to_do_next(generated: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "front")
    options = ["--minimize", "latency[pixel]", "--maximize", "macs", "-o", output]
    result = run(str(SPACE), *options, "--generated", str(generated), "--time", "1m")
    assert result.exit_code == 0, result.output
    assert "arch-001" in result.output
    assert "ofadsl specialize --space" in result.output
    assert run(str(SPACE), "--time", "soon").exit_code == 2
    assert run(str(SPACE), *options, "--where", "macs < 1").exit_code == 1


def test_a_search_imports_no_torch(tmp_path: Path) -> None:
    args = ("search", str(SPACE), "--minimize", "macs", "-o", str(tmp_path / "front"))
    text = f"import sys; from ofadsl.cli import main; main({args!r}, standalone_mode=False); "
    text += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)
