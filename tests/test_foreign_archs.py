"""Archs as others write them, on every space and with anything in them: read or refused."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from packages import OWN, SHIPPED, compiled, path_of

from ofadsl.calibrate.archs import target_of
from ofadsl.commands.foreign import with_foreign
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.archs import decode

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "ofa": ("mbv3", {"ks": [3] * 20, "e": [4] * 20, "d": [2] * 5, "r": 192, "wid": None}),
    "ofa_resnet": ("resnet50d", {"d": [2] * 5, "e": [0.25] * 18, "w": [0, 1, 2] * 2, "r": 192}),
    "attentive_nas": (
        "attentive_nas",
        {
            "resolution": 224,
            "width": [16, 16, 24, 32, 64, 112, 192, 216, 1792],
            "kernel_size": [3] * 7,
            "expand_ratio": [1, 4, 4, 4, 4, 6, 6],
            "depth": [1, 3, 3, 3, 3, 3, 1],
        },
    ),
    "autoformer": (
        "autoformer",
        {
            "layer_num": 12,
            "mlp_ratio": [3.5] * 12,
            "num_heads": [3] * 12,
            "embed_dim": [192] * 12,
        },
    ),
}
DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 3.5, 1e400, math.nan, 10**30, -(10**30), "", "3", "x" * 10_000),
    *([], [3], [[3]], [None] * 20, [3] * 10_000, DEEP, {}, {"a": 1}, {"3": [3]}),
)


def broken(form: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the form with a key missing or added, a list cut, a value replaced."""
    for key in form:
        yield {k: v for k, v in form.items() if k != key}
        for value in STRANGE:
            yield {**form, key: value}
        if isinstance(form[key], list):
            yield {**form, key: form[key][:-1]}
            yield {**form, key: [*form[key], form[key][0]]}
            for place, value in itertools.product((0, len(form[key]) - 1), STRANGE):
                changed = copy.copy(form[key])
                changed[place] = value
                yield {**form, key: changed}
    for key, value in itertools.product(("x", "space", "stages", "ops"), STRANGE):
        yield {**form, key: value}


@pytest.mark.parametrize("encoding", FORMS)
def test_an_encoding_is_read_on_its_own_space(encoding: str) -> None:
    name, form = FORMS[encoding]
    assert decode(form, compiled(name).module.Arch).arch.space == name


@pytest.mark.parametrize("name", [*OWN, *SHIPPED])
@pytest.mark.parametrize("encoding", FORMS)
def test_an_encoding_is_read_or_refused_on_every_space(encoding: str, name: str) -> None:
    _, form = FORMS[encoding]
    arch = compiled(name).module.Arch
    refused = []
    for data in (form, *broken(form)):
        try:
            assert type(decode(data, arch).arch) is arch
        except Diagnostics as report:
            refused.append(str(report))
    assert max(map(len, refused)) < 5000


def test_a_space_that_an_encoding_does_not_speak_of_is_told_apart() -> None:
    (_, form), arch = FORMS["ofa_resnet"], compiled("digits").module.Arch
    with pytest.raises(Diagnostics) as caught:
        decode(form, arch)
    (item,) = caught.value
    assert (item.code, item.message, item.help) == (
        "OFA086",
        "digits is no space of OFA-ResNet50D: it has no choice stem_mid",
        "take an arch of digits, or the other space",
    )
    with pytest.raises(Diagnostics, match=r"it has the choice s1\.width, which such an arch does"):
        decode(FORMS["ofa"][1], arch)


@pytest.mark.parametrize("name", ["mbv3", "digits", "fbnet"])
def test_tables_read_or_refuse_an_encoding(name: str) -> None:
    target = target_of(path_of(name), {}, name)
    target = with_foreign(target, path_of(name), {}, lambda note: None)
    layers = {"ops": [0] * 22}
    refused = []
    for form in (layers, *(form for _, form in FORMS.values())):
        for data in (form, *broken(form)):
            try:
                assert target.cost.contains(target.encode(data)[None])[0]
            except (Diagnostics, ValueError) as report:
                refused.append(str(report))
    assert max(map(len, refused)) < 5000
