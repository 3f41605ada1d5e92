"""Subnets of every space: equal before folding, close after, and written as plain torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from packages import OWN, SHIPPED, compiled
from test_supernet import images, small_archs

from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify
from ofadsl.specialize.write import Record, write_subnet

SPACES = (*OWN, *SHIPPED)
COUNT = 5
EQUAL = {"names": 1e-6}  # its head is cut: BLAS sums it in another order
LOAD = """
import importlib.abc, pathlib, runpy, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ofadsl", "numpy", "safetensors", "jinja2"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import torch
torch.set_num_threads(1)
nets = {}
for case in sorted(pathlib.Path(sys.argv[1]).glob("*/*/case.pt")):
    net = runpy.run_path(str(case.parent / "net" / "subnet.py"))["load"]()
    image, expected = torch.load(case, weights_only=True)
    with torch.no_grad():
        assert torch.equal(net(image), expected), case
    nets[case.parent.parent.name] = net, image, expected
    print(case.parent.parent.name)
sys.meta_path.pop(0)  # torch's own compiler looks for numpy
for net, image, expected in nets.values():
    exported = torch.export.export(net, (image,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(image), expected)
"""


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the subnets of all spaces are written."""
    return tmp_path_factory.mktemp("subnets")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Round alike here and in the fresh interpreter, on any machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def supernet_of(name: str) -> torch.nn.Module:
    """Return a supernet whose statistics and transforms all matter."""
    torch.manual_seed(0)
    net: torch.nn.Module = compiled(name).module.Supernet().eval()
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if "transform" in key:
                tensor.add_(0.1 * torch.randn_like(tensor))
            elif "running" in key or key.endswith("bn.weight"):
                tensor.uniform_(0.5, 1.5)
    return net


@pytest.mark.parametrize("name", SPACES)
def test_subnets_are_equal_before_folding_and_close_after(name: str, folder: Path) -> None:
    supernet = supernet_of(name)
    for i, arch in enumerate(small_archs(compiled(name), COUNT)):
        image = images(arch, 1)
        plain = specialize(supernet, arch, fold_bn=False)
        assert verify(plain, supernet, arch, image, exact=True) <= EQUAL.get(name, 0)
        subnet = specialize(supernet, arch, example=image)
        place = folder / name / str(i)
        write_subnet(place / "net", subnet, image, Record(source=f"{name}.ofa", arch=arch))
        with torch.no_grad():
            torch.save((image, subnet(image)), place / "case.pt")


def test_a_fresh_interpreter_loads_and_exports_them_with_torch_alone(folder: Path) -> None:
    written = sorted(case.parent.parent.name for case in folder.glob("*/*/case.pt"))
    if not written:
        pytest.skip("the test that writes the subnets has not run")
    command = [sys.executable, "-c", LOAD, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == written
