"""The wheel and the editable install hold what they need, wherever they are used from."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

FIND_RESOURCES = """
import ofadsl
from ofadsl.resources import folder
for path in (folder("grammars") / "ofa.lark", folder("spaces") / "mbv3.ofa"):
    assert path.is_file(), path
print(ofadsl.__file__)
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a source distribution of the working tree."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=REPOSITORY)
    return only(folder, "*.tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that pip builds, offline, from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = ("--no-index", "--no-deps", "--no-build-isolation")
    run(sys.executable, "-m", "pip", "wheel", *offline, "-w", folder, sdist, cwd=folder)
    return only(folder, "*.whl")


@pytest.fixture(scope="module")
def outside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a fresh environment with the wheel and our dependencies in it."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, with_pip=False, symlinks=os.name != "nt")
    python = only(root, "*/python" if os.name != "nt" else "*/python.exe")
    target = ("--python", python, "install", "--no-index", "--no-deps")
    run(sys.executable, "-m", "pip", *target, wheel, cwd=root)
    # A folder named in a .pth is searched, its own .pth files (our editable install) are not read.
    dependencies = only(root, "lib/*/site-packages" if os.name != "nt" else "Lib/site-packages")
    (dependencies / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_sdist_holds_what_a_build_and_a_test_run_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "LICENSE", "Makefile", "constraints/cpu.txt"}
    needed |= {"grammars/ofa.lark", "spaces/mbv3.ofa", "tests/conftest.py", "ofadsl/py.typed"}
    assert needed <= names


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == {"ofadsl", wheel_info(wheel)}
    assert "ofadsl/py.typed" in names
    for kind in ("ofadsl/**/*", "grammars/*.lark", "spaces/*.ofa"):
        wanted = {wheel_name(path) for path in REPOSITORY.glob(kind) if is_source(path)}
        assert wanted <= names


def test_the_wheel_finds_its_grammar_and_spaces_outside_the_repository(
    outside: Path, tmp_path: Path
) -> None:
    origin = run(outside, "-I", "-c", FIND_RESOURCES, cwd=tmp_path)
    assert not Path(origin).is_relative_to(REPOSITORY)


def test_the_wheel_installs_the_command(outside: Path, tmp_path: Path) -> None:
    assert "compile" in run(only(outside.parent, "ofadsl*"), "--help", cwd=tmp_path)


def test_the_editable_install_finds_its_grammar_and_spaces_outside_the_repository(
    tmp_path: Path,
) -> None:
    origin = run(sys.executable, "-I", "-c", FIND_RESOURCES, cwd=tmp_path)
    assert Path(origin) == REPOSITORY / "ofadsl" / "__init__.py"


def test_importing_the_package_imports_no_dependency(tmp_path: Path) -> None:
    code = "import ofadsl, sys; print(sorted({'torch', 'numpy', 'lark', 'click'} & {*sys.modules}))"
    assert run(sys.executable, "-I", "-c", code, cwd=tmp_path) == "[]"


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from this process' environment; return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=kept, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def only(folder: Path, pattern: str) -> Path:
    """Return the one path under ``folder`` that matches."""
    (found,) = folder.glob(pattern)
    return found


def is_source(path: Path) -> bool:
    """Tell whether a file under the package belongs into the wheel."""
    return path.is_file() and "__pycache__" not in path.parts


def wheel_name(path: Path) -> str:
    """Return where a file of the repository lies in the wheel."""
    name = path.relative_to(REPOSITORY).as_posix()
    return name if name.startswith("ofadsl/") else f"ofadsl/_data/{name}"


def wheel_info(wheel: Path) -> str:
    """Return the name of the wheel's metadata folder."""
    return "-".join(wheel.name.split("-")[:2]) + ".dist-info"
