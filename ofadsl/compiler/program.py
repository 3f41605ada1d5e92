"""The blocks and schedules that a file can use: its own, those it imports, those of the prelude.

Imports are read relative to the file that names them and stay inside the folder of the first
file. Of the prelude only the files that are needed are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ofadsl.compiler import syntax
from ofadsl.compiler.parse.parser import parse
from ofadsl.compiler.parse.reading import read_source
from ofadsl.compiler.report import Report
from ofadsl.diagnostics import Diagnostics, Source

PRELUDE = Path(__file__).parent.parent / "prelude"
MOST_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Every file that a space is made of, the main one first; ``shipped`` is from the prelude.

    ``report`` says which imports failed: names that they would have brought are not missed.
    """

    main: syntax.File
    files: tuple[syntax.File, ...]
    shipped: tuple[syntax.File, ...]
    report: Report

    def blocks(self) -> Iterator[tuple[syntax.BlockDecl, syntax.File]]:
        """Yield every declared block with its file, the main file's first."""
        for file in (*self.files, *self.shipped):
            for item in file.items:
                if isinstance(item, syntax.BlockDecl):
                    yield item, file

    def schedules(self) -> Iterator[tuple[syntax.ScheduleDecl, syntax.File]]:
        """Yield every schedule that the user wrote, with its file, the main file's first."""
        for file in self.files:
            for item in file.items:
                if isinstance(item, syntax.ScheduleDecl):
                    yield item, file

    def spaces(self) -> tuple[syntax.SpaceDecl, ...]:
        """Return the spaces of the main file."""
        return tuple(item for item in self.main.items if isinstance(item, syntax.SpaceDecl))


def load(source: Source, folder: Path | None) -> Program:
    """Parse a file and all that it imports; ``folder`` is where imports may be, if anywhere.

    Raises Diagnostics where the file itself cannot be parsed.
    """
    report = Report()
    main = parse(source)
    loading = _Loading(report=report, folder=folder)
    loading.imports(main, folder, (source.path,))
    names = {item.name.text for file in (main, *loading.files) for item in _blocks(file)}
    prelude = _prelude(names, [main, *loading.files])
    files = (main, *loading.files)
    return Program(main=main, files=files, shipped=tuple(prelude), report=report)


@dataclass(slots=True)
class _Loading:
    report: Report
    folder: Path | None
    files: list[syntax.File] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def imports(self, file: syntax.File, folder: Path | None, chain: tuple[str, ...]) -> None:
        for item in file.items:
            if isinstance(item, syntax.Import):
                self._import(item, folder, chain)

    def _import(self, item: syntax.Import, folder: Path | None, chain: tuple[str, ...]) -> None:
        add = self.report.add
        if self.folder is None or folder is None:
            add("OFA027", "a text without a folder imports nothing", item.span)
            return
        target, root = _resolved(folder / item.path), self.folder.resolve()
        if target is None:
            add("OFA027", "an imported file must exist", item.span, "this is no path")
            return
        if not target.is_relative_to(root) or Path(item.path).is_absolute():
            label, help = "this leaves the folder", f"imports stay inside `{self.folder}`"
            add("OFA027", "an import stays in the folder of the file", item.span, label, help)
            return
        shown = str(self.folder / target.relative_to(root))
        if shown in chain or target == (root / Path(chain[0]).name):
            label = " -> ".join([*chain, shown])
            add("OFA027", "files import each other in a circle", item.span, label)
            return
        if target in self.seen:
            return
        self.seen.add(target)
        if len(self.seen) > MOST_FILES:
            add("OFA027", f"a space is made of at most {MOST_FILES} files", item.span)
            return
        if not target.is_file():
            add("OFA027", "an imported file must exist", item.span, f"no file `{shown}`")
            return
        try:
            file = parse(read_source(self.folder / target.relative_to(root)))
        except Diagnostics as found:
            for d in found:
                add(d.code, d.message, d.span or item.span, d.label, d.help, d.notes)
            return
        self.imports(file, target.parent, (*chain, shown))
        self.files.append(file)


def _resolved(path: Path) -> Path | None:
    """Return what a path leads to, links followed, or None where it can lead nowhere."""
    try:
        path = path.resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, a null character
        return None
    return path


def _blocks(file: syntax.File) -> Iterator[syntax.BlockDecl]:
    return (item for item in file.items if isinstance(item, syntax.BlockDecl))


def prelude_index() -> dict[str, Path]:
    """Return the file of the prelude that declares each block."""
    index = {}
    for path in sorted(PRELUDE.glob("*.ofa")):
        for name in re.findall(r"^block (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            index[name] = path
    return index


def _prelude(own: set[str], files: list[syntax.File]) -> list[syntax.File]:
    """Return the files of the prelude that declare a block called and not declared here."""
    index = prelude_index()
    loaded: dict[Path, syntax.File] = {}
    queue = list(files)
    while queue:
        for name in called(queue.pop()):
            path = index.get(name)
            if path is not None and name not in own and path not in loaded:
                text = path.read_text(encoding="utf-8")
                loaded[path] = parse(Source(path=f"prelude/{path.name}", text=text))
                queue.append(loaded[path])
    return list(loaded.values())


def called(file: syntax.File) -> Iterator[str]:
    """Yield the name of everything that a file calls or gives defaults to."""
    for item in file.items:
        if isinstance(item, syntax.BlockDecl | syntax.SpaceDecl):
            for statement in statements(item.body):
                if isinstance(statement, syntax.Call | syntax.Default):
                    yield statement.callee.text


def statements(body: tuple[syntax.Statement, ...]) -> Iterator[syntax.Statement]:
    """Yield every statement of a body, those inside others included."""
    for statement in body:
        yield statement
        for inner in bodies(statement):
            yield from statements(inner)


def bodies(statement: syntax.Statement) -> tuple[tuple[syntax.Statement, ...], ...]:
    """Return the bodies inside a statement."""
    match statement:
        case syntax.Stage(body=body) | syntax.Residual(body=body):
            return (body,)
        case syntax.If(then=then, orelse=orelse):
            return (then, orelse)
        case syntax.Branches(branches=branches):
            return branches
        case syntax.OneOf(options=options):
            return tuple(option.body for option in options)
        case _:
            return ()
