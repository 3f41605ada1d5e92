"""`floor` in every reading of an expression, and in what is generated from it."""

from __future__ import annotations

import pytest
from packages import compiled

from ofadsl.compiler.pipeline import check_text
from ofadsl.diagnostics import Diagnostics
from ofadsl.expr import Var, apply, evaluate, source, static, tabulate, upper

EMBED = Var("embed", (216, 250), 256)
RATIO = Var("ratio", (3, 3.5))
HIDDEN = apply("floor", apply("*", EMBED, RATIO))


def test_all_readings_agree() -> None:
    assert source(HIDDEN) == "floor(embed * ratio)"
    assert tabulate(HIDDEN, HIDDEN.support) == [648, 756, 750, 875]
    assert upper(HIDDEN) == 896
    assert evaluate(HIDDEN, {"embed": 217, "ratio": 3.5}) == 759  # 759.5, and round gives 760
    assert static(apply("floor", -0.5)) == -1


def test_what_is_cut_off_is_a_whole_number() -> None:
    net = compiled("vit").module.Supernet()
    assert net.layers[0].expand.weight.shape == (64, 32)


def test_it_takes_one_value() -> None:
    text = """space s {
  input image(channels: 3, size: 8)
  conv(floor(8, 2))
}"""
    with pytest.raises(Diagnostics, match=r"OFA025.*`floor` takes 1 value"):
        check_text(text)
