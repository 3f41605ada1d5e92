"""How many small changes of meaning do the tests notice? `make mutants` asks, in the background.

A sample of mutants of each area of the package, which the seed fixes, is made one at a time in a
copy of the tree; the tests that run the changed line follow, the fastest and closest first, until
one fails or their time is over. What is found is appended to a journal, so that a run goes on where
the last one stopped; the sample stays the same while other code changes. Mutants that cannot be
noticed are named in benchmarks/mutants_equivalent.toml, with the reason.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from covering import WHOLE, line_names, record
from mutate import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = ROOT / "benchmarks/mutants_equivalent.toml"
AREAS = ("ops", "expr", "space", "cost", "compiler", "specialize")
BESIDE = {"space": ("elimination",)}
"""What belongs to an area that is no folder."""
GOALS = dict.fromkeys(AREAS, 0.95)
GOAL = 0.9
PRELOADED = (
    *("torch", "torch.fx", "torch._dynamo", "numpy", "click", "jinja2", "lark"),
    *("yaml", "safetensors.torch", "PIL.Image", "rich", "psutil", "onnx", "onnxruntime"),
)
QUICK = 4.0
"""Seconds of tests that are tried first, since most mutants fail at once."""
MEMORY = 12 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What happened to a mutant; a line of the journal."""

    area: str
    key: str
    result: str
    """``noticed``; ``survived``: no test failed; ``late``: nor within the time given."""
    by: str
    tests: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test that passes where nothing is changed, and how many lines it runs."""

    name: str
    seconds: float
    lines: int

    @property
    def file(self) -> str:
        """The path of the file that it is in."""
        return self.name.partition("::")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The tests of a file, and the numbers of those that run each line, by its path and name."""

    tests: Sequence[Test]
    lines: Mapping[str, Mapping[str, Sequence[int]]]


def main() -> None:
    """Measure, or report what has been measured."""
    asked = _arguments()
    folder: Path = asked.folder.resolve()
    journal = folder / f"journal-{asked.seed}.jsonl"
    equivalent = _equivalent()
    if not asked.report:
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
        for name in PRELOADED:
            with suppress(ImportError):
                importlib.import_module(name)
        tree = _copy(folder)
        tests = _recorded(tree, folder / "covered", stale=asked.stale)
        done = {one.key for one in _read(journal) if not (asked.again and one.result != "noticed")}
        for area, mutant in _sampled(tree, asked):
            if mutant.key not in done and mutant.key not in equivalent:
                found = _tried(area, mutant, tree, tests, asked.budget)
                print(
                    f"{found.result:9}{found.seconds:6.1f} s  {mutant.line}  {mutant.key}",
                    flush=True,
                )
                with journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(found)) + "\n")
    _report(_sampled(ROOT, asked), _read(journal), equivalent)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("areas", nargs="*", default=AREAS, help="folders or modules of ofadsl")
    parser.add_argument("--count", type=int, default=50, help="mutants of each area")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--budget", type=float, default=60, help="seconds of a processor for the tests of a mutant"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build/mutants")
    parser.add_argument(
        "--stale", action="store_true", help="record no test file again that has only changed"
    )
    parser.add_argument("--again", action="store_true", help="try again what was not noticed")
    parser.add_argument("--report", action="store_true", help="only tell what is in the journal")
    return parser.parse_args()


def _sampled(root: Path, asked: argparse.Namespace) -> list[tuple[str, Mutant]]:
    """Return the mutants that the seed chooses, with their areas, the areas in turns."""
    columns = []
    for area in asked.areas:
        place = root / "ofadsl" / area
        alone = [place.with_name(f"{name}.py") for name in (area, *BESIDE.get(area, ()))]
        files = sorted(place.rglob("*.py")) if place.is_dir() else alone
        found = [
            mutant
            for file in files
            for mutant in mutants(file.relative_to(root).as_posix(), file.read_bytes())
        ]
        found.sort(key=lambda one: hashlib.sha256(f"{asked.seed} {one.key}".encode()).digest())
        possible = (one for one in found if one.compiles((root / one.path).read_bytes()))
        columns.append([(area, mutant) for mutant in itertools.islice(possible, asked.count)])
    turns = max(map(len, columns))
    return [column[i] for i in range(turns) for column in columns if i < len(column)]


def _copy(folder: Path) -> Path:
    """Copy what git knows, and the reference data where it is; return the copy."""
    tree = folder / "tree"
    if tree.exists():
        shutil.rmtree(tree)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    for shared in (ROOT / "shared", ROOT.parent / "shared"):
        if shared.is_dir() and not (tree / "shared").exists():
            (tree / "shared").symlink_to(shared.resolve())
    return tree


def _recorded(tree: Path, folder: Path, *, stale: bool) -> list[Covered]:
    """Return what every test file covers; record the files that have changed."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for file in sorted((tree / "tests").glob("test_*.py")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        kept = folder / f"{file.stem}.json"
        known = json.loads(kept.read_text())["digest"] if kept.exists() else None
        if known is None or (known != digest and not stale):
            print(f"recording {file.name}", flush=True)
            _forked(tree, lambda name=file.name: record(tree, name), kept, 1800)  # type: ignore[misc]
            covered = json.loads(kept.read_text())
            kept.write_text(json.dumps({"digest": digest, **covered}))
        found.append(_read_record(kept.read_text()))
    return found


def _read_record(text: str) -> Covered:
    record = json.loads(text)
    of_all = (runners for lines in record["lines"].values() for runners in lines.values())
    counts = Counter(itertools.chain.from_iterable(of_all))
    tests = [
        Test(name=name, seconds=seconds + 0.02, lines=counts[i])
        for i, (name, seconds) in enumerate(record["tests"])
    ]
    return Covered(tests=tests, lines=record["lines"])


def _tried(area: str, mutant: Mutant, tree: Path, tests: Sequence[Covered], budget: float) -> Found:
    """Make a mutant, run the tests that may notice it, and take it back."""
    start = time.monotonic()
    source = (tree / mutant.path).read_bytes()
    chosen = _chosen(mutant, source, tests)
    quick = _within(chosen, QUICK)
    rounds = [quick, {k: v for k, v in chosen.items() if k not in quick}]
    answer: dict[str, Any] = {"by": "", "late": False}
    with _changed(tree / mutant.path, mutant.applied(source)):
        for some in filter(None, rounds):
            answer = _run(tree, some, budget)
            if answer["by"] or answer["late"]:
                break
    result = "noticed" if answer["by"] else "late" if answer["late"] else "survived"
    seconds = round(time.monotonic() - start, 1)
    return Found(
        area=area,
        key=mutant.key,
        result=result,
        by=answer["by"],
        tests=len(chosen),
        seconds=seconds,
    )


def _chosen(mutant: Mutant, source: bytes, tests: Sequence[Covered]) -> dict[str, float]:
    """Return the tests that run the line, else its function, module or folder, with their seconds.

    Two orders take turns: those that take little time and run little else, which look at it most
    closely, the files in turns; and those that run most for their time, which see most of it.
    """
    name = line_names(source)[mutant.line]
    levels: list[dict[str, Test]] = [{}, {}, {}, {}]
    for covered in tests:
        for near, number in _runners(mutant, name, covered):
            levels[near][covered.tests[number].name] = covered.tests[number]
    found = next(filter(None, levels), {})
    if not mutant.runs:  # what it changes may be looked at without running a line of the module
        files = {test.file for test in found.values()}
        every = itertools.chain.from_iterable(covered.tests for covered in tests)
        found |= {test.name: test for test in every if test.file in files}
    turns: dict[str, list[tuple[int, float, str]]] = {}
    for test in sorted(found.values(), key=lambda one: one.seconds * one.lines):
        own = turns.setdefault(test.file, [])
        own.append((len(own), test.seconds * test.lines, test.name))
    close = [name for *_, name in sorted(itertools.chain(*turns.values()))]
    wide = sorted(found, key=lambda name: -found[name].lines / found[name].seconds)
    return {name: found[name].seconds for pair in zip(close, wide, strict=True) for name in pair}


def _runners(mutant: Mutant, name: str, covered: Covered) -> Iterator[tuple[int, int]]:
    """Yield how near to a mutant a test comes, 0 for its line, and the number of the test."""
    folder = mutant.path.rpartition("/")[0]
    for path, lines in covered.lines.items():
        if path.rpartition("/")[0] != folder:
            continue
        for line, runners in lines.items():
            near = 3 if path != mutant.path else 2
            if near == 2 and mutant.runs and line.startswith(f"{mutant.scope}::"):
                near = 1
            if near < 3 and line in (name, WHOLE):
                near = 0
            yield from ((near, number) for number in runners)


def _within(tests: dict[str, float], seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for test, taken in tests.items():
        seconds -= taken + 0.005
        if seconds < 0 and found:
            break
        found[test] = taken
    return found


@contextmanager
def _changed(path: Path, text: bytes) -> Iterator[None]:
    kept = path.read_bytes()
    path.write_bytes(text)
    try:
        yield
    finally:
        path.write_bytes(kept)


def _run(tree: Path, tests: dict[str, float], budget: float) -> dict[str, Any]:
    """Run tests until one fails or the time is over."""
    answer = tree.parent / "answer.json"
    answer.unlink(missing_ok=True)
    if _forked(tree, lambda: _follow(tests, budget), answer, 6 * budget + 120):
        return dict(json.loads(answer.read_text()))
    return {"by": "the whole run, which ended early", "late": False}


def _follow(tests: dict[str, float], budget: float) -> dict[str, Any]:
    chosen = _Chosen(tests, budget)
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files], plugins=[chosen])
    if not chosen.by and code not in (pytest.ExitCode.OK, pytest.ExitCode.INTERRUPTED):
        chosen.by = f"pytest, which ended with {code}"
    return {"by": chosen.by, "late": chosen.late}


class _Chosen:
    """A plugin of pytest that runs the chosen tests in their order, for a limited time."""

    def __init__(self, tests: dict[str, float], budget: float) -> None:
        self.tests = tests
        self.end = time.process_time() + budget
        self.by = ""
        self.late = False

    def pytest_sessionstart(self) -> None:
        """Draw the same examples every time, and do not look for the simplest."""
        from hypothesis import Phase, settings

        some = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutants", deadline=None, derandomize=True, database=None, phases=some
        )
        settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen tests, in their order; a test that hangs has failed."""
        place = {test: i for i, test in enumerate(self.tests)}
        items[:] = sorted(
            (item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid]
        )
        for item in items:
            item.add_marker(pytest.mark.timeout(30 + 20 * self.tests[item.nodeid]))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test file that cannot be imported."""
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the test that fails."""
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_runtest_logfinish(self) -> None:
        """Stop when the time is over."""
        if time.process_time() > self.end and not self.by:
            self.late = True
            raise pytest.exit.Exception("no more time", 0)


def _forked(tree: Path, function: Callable[[], Any], answer: Path, limit: float) -> bool:
    """Write what ``function`` returns, in a process that has our imports; tell whether it did."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(tree.parent / "last.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.chdir(tree)
        sys.path[:] = [str(tree), *(p for p in sys.path if p not in (str(ROOT), str(_HERE)))]
        os.environ["PYTHONPATH"] = str(tree)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True  # a change within the second would go unseen
        code = 1
        try:
            result = json.dumps(function())
            answer.write_text(result)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + limit
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a test has left running
    return answer.exists()


_HERE = Path(__file__).resolve().parent


def _read(journal: Path) -> list[Found]:
    if not journal.exists():
        return []
    return [Found(**json.loads(line)) for line in journal.read_text("utf-8").splitlines()]


def _equivalent() -> dict[str, str]:
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8")) if EQUIVALENT.exists() else {}
    return {one["mutant"]: one["reason"] for one in listed.get("equivalent", ())}


def _report(
    sample: Sequence[tuple[str, Mutant]], journal: Sequence[Found], equivalent: dict[str, str]
) -> None:
    """Print how many of each area were noticed, and what was not."""
    last = {one.key: one for one in journal}
    counts: dict[str, Counter[str]] = {}
    missed = []
    for area, mutant in sample:
        count = counts.setdefault(area, Counter())
        if mutant.key in equivalent:
            count["equivalent"] += 1
        elif mutant.key in last:
            count[last[mutant.key].result] += 1
            if last[mutant.key].result != "noticed":
                missed.append((mutant, last[mutant.key]))
    print(f"{'':12}{'tried':>8}{'noticed':>9}{'equivalent':>12}{'share':>8}{'goal':>7}")
    total: Counter[str] = Counter()
    for area, count in counts.items():
        _line(area, count, GOALS.get(area, GOAL))
        total += count
    _line("all", total, min(GOALS.get(area, GOAL) for area in counts))
    for mutant, one in missed:
        print(f"{one.result}: {mutant.path}:{mutant.line}  {mutant.before} -> {mutant.after}")
        print(f"    {mutant.text}\n    {one.tests} tests, {one.key}")


def _line(area: str, count: Counter[str], goal: float) -> None:
    tried = count["noticed"] + count["survived"] + count["late"]
    share = f"{count['noticed'] / tried:.1%}" if tried else "-"
    print(f"{area:12}{tried:8}{count['noticed']:9}{count['equivalent']:12}{share:>8}{goal:7.0%}")


if __name__ == "__main__":
    main()
