"""Checkpoints: what is loaded, what is refused, and that nothing is half loaded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from damage import changed, cut
from small_supernet import Supernet
from torch import Tensor

from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.weights import load_weights, read_tensors


@pytest.fixture(name="state")
def make_state() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return Supernet().state_dict()


def save(state: object, folder: Path, name: str = "weights.pt") -> Path:
    torch.save(state, folder / name)
    return folder / name


def loads(path: Path, state: dict[str, Tensor]) -> bool:
    supernet = Supernet()
    load_weights(supernet, path)
    return all(torch.equal(t, state[name]) for name, t in supernet.state_dict().items())


def report(path: Path) -> list[tuple[str, str]]:
    """Return what is said of the file, and check that the supernet is as it was."""
    supernet = Supernet()
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    with pytest.raises(Diagnostics) as caught:
        load_weights(supernet, path)
    assert all(torch.equal(t, before[name]) for name, t in supernet.state_dict().items())
    return [(item.code, item.message) for item in caught.value]


def test_our_own_checkpoints_load(tmp_path: Path, state: dict[str, Tensor]) -> None:
    safetensors.torch.save_file(state, tmp_path / "weights.safetensors")
    assert loads(tmp_path / "weights.safetensors", state)
    assert loads(save(state, tmp_path), state)


def test_wrappers_and_prefixes_of_training_are_taken_off(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    wrapped = {"module." + name: tensor for name, tensor in state.items()}
    assert loads(save({"state_dict": wrapped, "epoch": 3}, tmp_path), state)


def test_the_origin_has_the_hash_of_the_file(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = save(state, tmp_path)
    origin = load_weights(Supernet(), path)
    assert (origin.path, origin.family, len(origin.sha256)) == (str(path), None, 64)


def test_missing_extra_and_misshaped_tensors_are_named(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    state["head.wieght"] = state.pop("head.weight")
    state["head.bias"] = torch.zeros(3)
    assert report(save(state, tmp_path)) == [
        ("OFA093", "the checkpoint has no head.weight"),
        ("OFA094", "the supernet has no head.wieght"),
        ("OFA095", "head.bias is 3, not 10"),
    ]


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    found = report(save({"other": torch.zeros(1)}, tmp_path))
    assert [code for code, _ in found] == ["OFA093"] * 5 + ["OFA094"]
    assert "more like it" in found[4][1]


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    state["head.bias"][2] = float("nan")
    assert report(save(state, tmp_path)) == [
        ("OFA096", "head.bias holds values that are not finite")
    ]


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 1",)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    ((code, message),) = report(save({"a": Bomb()}, tmp_path))
    assert code == "OFA091"
    assert "could run code" in message


@pytest.mark.parametrize("content", [3, {}, [1, 2], {"a": 1}, {1: torch.zeros(1)}])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    assert report(save(content, tmp_path))[0][0] == "OFA092"


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
@pytest.mark.parametrize("size", [0, 1, 100, -10])
def test_files_cut_short_are_refused(
    tmp_path: Path, state: dict[str, Tensor], name: str, size: int
) -> None:
    path = tmp_path / name
    if name.endswith("pt"):
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[:size])
    assert report(path)[0][0] == "OFA090"


STRANGE: dict[str, Callable[[], Tensor]] = {
    "sparse": lambda: torch.eye(4).to_sparse(),
    "compressed": lambda: torch.eye(4).to_sparse_csr(),
    "complex": lambda: torch.zeros(4, dtype=torch.complex64),
    "float8": lambda: torch.zeros(4).to(torch.float8_e4m3fn),
    "quantized": lambda: torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8),
    "nested": lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    "elsewhere": lambda: torch.zeros(4, device="meta"),
    "unsigned": lambda: torch.zeros(4, dtype=torch.uint32),
}


@pytest.mark.parametrize("name", ["head.bias", "other"])
@pytest.mark.parametrize("kind", STRANGE)
def test_tensors_that_are_no_plain_numbers_are_refused(
    tmp_path: Path, state: dict[str, Tensor], kind: str, name: str
) -> None:
    with warnings.catch_warnings(action="ignore"):  # torch gives some of them up
        path = save({**state, name: STRANGE[kind]()}, tmp_path)
    (found,) = report(path)
    assert found[0] == "OFA092"
    assert found[1].startswith(f"{name} is ")
    assert found[1].endswith(", not plain numbers")


def test_eight_bits_are_refused_in_safetensors_too(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    path = tmp_path / "weights.safetensors"
    state["head.bias"] = state["head.bias"].to(torch.float8_e5m2)
    safetensors.torch.save_file(state, path)
    assert report(path) == [("OFA092", "head.bias is strided float8_e5m2, not plain numbers")]


def write(state: dict[str, Tensor], path: Path, form: str) -> bytes:
    """Write a checkpoint in one of the forms there are, and return its bytes."""
    if form == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    return path.read_bytes()


FORMS = {"zip": "weights.pt", "legacy": "weights.pt", "safetensors": "weights.safetensors"}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, form: str) -> None:
    path, state = tmp_path / FORMS[form], {"head.bias": torch.ones(10), "other": torch.ones(300)}
    data = write(state, path, form)
    for short in cut(data):
        path.write_bytes(short)
        with pytest.raises(Diagnostics, match=r"OFA090|OFA091"):  # half a name may be any name
            read_tensors(path)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_with_other_bytes_is_read_or_refused(
    tmp_path: Path, state: dict[str, Tensor], form: str
) -> None:
    path, supernet = tmp_path / FORMS[form], Supernet()
    refused = 0
    for other in changed(write(state, path, form)):
        path.write_bytes(other)
        try:
            load_weights(supernet, path)
        except Diagnostics:
            refused += 1
    assert refused > 50


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    assert report(tmp_path / "none.pt")[0][0] == "OFA090"
    assert report(tmp_path)[0][0] == "OFA090"
