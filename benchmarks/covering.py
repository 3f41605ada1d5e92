"""Which tests run which lines: what a test file covers is recorded once, and kept as JSON.

In: a test file of a tree. Out: its tests with their seconds, and for every line of the package the
tests that run it; a module that a test reads as text, to paste it, is run as a whole. What one test
leaves in a cache or a shared fixture is also counted for the tests that find it there. A line is
known by its function and its text, so that a record outlives changes elsewhere in the file.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coverage
import pytest

WHOLE = "*"
"""Stands for all lines of a module."""

Record = dict[str, Any]
"""``tests``: [name, seconds] of each that passed; ``lines``: path -> line -> numbers of tests."""


def record(tree: Path, name: str) -> Record:
    """Run a test file of ``tree``, in this process, and return what it covers."""
    measured = coverage.Coverage(
        data_file=None, source=[str(tree / "ofadsl")], config_file=False, messages=False
    )
    contexts = _Contexts(measured, tree)
    measured.start()
    pytest.main(["-q", "-p", "no:cacheprovider", f"tests/{name}"], plugins=[contexts])
    measured.stop()
    passed = [test for test in contexts.seconds if test not in contexts.failed]
    number = {test: i for i, test in enumerate(passed)}
    reached = _reached(contexts.uses, number)
    lines: dict[str, dict[str, list[int]]] = {}
    data = measured.get_data()
    for file in data.measured_files():
        path = Path(file)
        if path.suffix != ".py":
            continue  # a template
        names = line_names(path.read_bytes())
        of_file: dict[str, set[int]] = defaultdict(set)
        for line, entered in data.contexts_by_lineno(file).items():
            for context in entered:
                of_file[names.get(line, "")] |= reached.get(context, set())
        ran = {key: sorted(tests) for key, tests in of_file.items() if tests}
        if ran:
            lines[path.relative_to(tree).as_posix()] = ran
    for path, readers in contexts.readers.items():
        own = sorted(set().union(*(reached.get(context, set()) for context in readers)))
        if own:
            lines.setdefault(path, {})[WHOLE] = own
    tests = [[test, round(contexts.seconds[test], 3)] for test in passed]
    return {"tests": tests, "lines": lines}


def line_names(source: bytes) -> dict[int, str]:
    """Return a name for each line of a module: the function that it is in, and its text."""
    scopes: dict[int, str] = {}
    for first, last, scope in _functions(ast.parse(source), ""):
        scopes.update(dict.fromkeys(range(first, last + 1), scope))
    lines = source.decode().splitlines()
    return {i: f"{scopes.get(i, '')}::{line.strip()}" for i, line in enumerate(lines, start=1)}


def _functions(node: ast.AST, scope: str) -> Iterator[tuple[int, int, str]]:
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            inner = f"{scope}.{child.name}" if scope else child.name
            yield child.lineno, child.end_lineno or child.lineno, inner
        yield from _functions(child, inner)


def _reached(uses: dict[str, set[str]], number: dict[str, int]) -> dict[str, set[int]]:
    """Return the tests that run each context, themselves or by what they find made."""
    found: dict[str, set[int]] = defaultdict(set)
    for test, own in number.items():
        todo = [test]
        seen = set(todo)
        while todo:
            context = todo.pop()
            found[context].add(own)
            new = uses.get(context, set()) - seen
            seen |= new
            todo += new
    return found


class _Contexts:
    """A plugin of pytest that tells coverage which test, fixture or cached call runs."""

    def __init__(self, measured: coverage.Coverage, tree: Path) -> None:
        self.measured = measured
        self.tree = tree
        self.stack = [""]
        self.uses: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()
        self.readers: dict[str, set[str]] = defaultdict(set)

    @contextmanager
    def inside(self, context: str) -> Iterator[None]:
        """Count what runs for ``context``."""
        self.uses[self.stack[-1]].add(context)
        self.stack.append(context)
        self.measured.switch_context(context)
        try:
            yield
        finally:
            self.stack.pop()
            self.measured.switch_context(self.stack[-1])

    def pytest_collection_finish(self) -> None:
        """Follow each function of the tree that keeps its results."""
        followed: dict[int, Callable[..., Any]] = {}
        for module in list(sys.modules.values()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.tree)):
                for name, value in list(vars(module).items()):
                    if isinstance(value, functools._lru_cache_wrapper) and (
                        value.cache_parameters()["maxsize"] is None
                    ):
                        if id(value) not in followed:
                            followed[id(value)] = self._followed(value)
                        setattr(module, name, followed[id(value)])

    def pytest_sessionstart(self) -> None:
        """Follow what is read as text."""
        read = Path.read_text

        def followed(path: Path, *args: Any, **kwargs: Any) -> str:
            if path.suffix == ".py" and path.is_relative_to(self.tree / "ofadsl"):
                self.readers[path.relative_to(self.tree).as_posix()].add(self.stack[-1])
            return read(path, *args, **kwargs)

        Path.read_text = followed  # type: ignore[method-assign]

    def _followed(self, cached: Any) -> Callable[..., Any]:
        known: dict[object, str] = {}

        @functools.wraps(cached)
        def call(*args: Any, **kwargs: Any) -> Any:
            key = (args, tuple(sorted(kwargs.items())))
            if key in known:
                self.uses[self.stack[-1]].add(known[key])
                return cached(*args, **kwargs)
            with self.inside(f"{cached.__qualname__} {len(known)} {id(cached)}"):
                result = cached(*args, **kwargs)
            known[key] = f"{cached.__qualname__} {len(known)} {id(cached)}"
            return result

        call.cache_clear = cached.cache_clear  # type: ignore[attr-defined]
        return call

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Count what runs for the test, and what its shared fixtures ran."""
        fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
        shared = {_name(one) for many in fixtures.values() for one in many if _is_shared(one)}
        self.uses[item.nodeid] |= shared
        with self.inside(item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """Count what runs for a fixture of many tests, not for the first of them."""
        if not _is_shared(fixturedef):
            return (yield)
        with self.inside(_name(fixturedef)):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the seconds of a test."""
        self.seconds[report.nodeid] += report.duration
        if not report.passed:
            self.failed.add(report.nodeid)


def _is_shared(fixturedef: Any) -> bool:
    return bool(fixturedef.scope != "function")


def _name(fixturedef: Any) -> str:
    return f"fixture {fixturedef.baseid} {fixturedef.argname}"
