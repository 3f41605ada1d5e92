"""The picture of a space: complete, legible, safe, and the same for the same space."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
from conftest import REPOSITORY

from ofadsl.compiler.draw.picture import draw
from ofadsl.compiler.draw.svg import DASH, TIMES, Canvas, text_width
from ofadsl.compiler.pipeline import check_text, checked_space
from ofadsl.compiler.tree import Checked, StageNode

SVG = "{http://www.w3.org/2000/svg}"
SHIPPED = sorted((*REPOSITORY.glob("spaces/*.ofa"), *REPOSITORY.glob("tests/spaces/*.ofa")))

OPTIONS = "\n".join(
    f"      k{kernel}_e{expand}_g{groups}: conv({{channels}}, kernel: {kernel})"
    for kernel in (3, 5, 7)
    for expand, groups in ((1, 1), (1, 2), (6, 1))
)
MANY_STAGES = (
    "space many {\n  input image(channels: 3, size: 224)\n"
    + "\n".join(
        f"  stage s{i} depth 1 {{\n    oneof {{\n{OPTIONS.format(channels=8 * i)}\n    }}\n  }}"
        for i in range(1, 23)
    )
    + "\n}"
)
DEEP = """
space deep(classes = 1000, size = t of {t, s}) {
  input image(channels: 3, size: 192..288 step 32)
  choice embed = {192, 216, 240} of 256
  patch: conv(embed, kernel: 3, stride: 16)
  stage layers depth 12..16 {
    choice ratio = {3, 3.5, 4}
    residual { mbconv(embed, kernel: {3, 5, 7, 9, 11, 13}, expand: ratio, act: gelu) }
  }
  stage tail depth 0..40 { mbconv(embed, kernel: 3, expand: 1..9) }
  if embed > 200 { extra: conv(32); bn } else { other: conv(64) }
  pick: oneof { one: conv(64); two: conv_bn({64, 72}, kernel: {3, 5}) }
  pool: global_avg_pool
  head: linear(classes)
  require layers.depth <= 14 or tail.depth == 0
}
"""
LONG = "W" * 80
WIDE = f"""
space {LONG}({LONG} = 1000) {{
  input image(channels: 3, size: 999999..1000000)
  choice {LONG} = {{16, 24}}
  {LONG}: {LONG}({LONG}, {LONG}_: {{100000, 123456, 130001, 140000, 150001}})
  stage {"V" * 80} depth 1..256 {{
    {"M" * 80}: oneof {{ {"Q" * 80}: conv(24); {"O" * 80}: conv(24, kernel: {{3, 5}}) }}
  }}
  concat {{ conv(900000000001) }} {{ conv(900000000001) }}
}}
block {LONG}(out, {LONG}_) {{ conv({LONG}_); conv(out) }}
""".replace(f"{LONG}_", "W" * 79 + "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on the page."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        """Return whether the other one lies inside, give or take a tenth of a pixel."""
        return (
            self.left - 0.1 <= other.left
            and self.top - 0.1 <= other.top
            and self.right + 0.1 >= other.right
            and self.bottom + 0.1 >= other.bottom
        )

    def meets(self, other: Box) -> bool:
        """Return whether the two have a part in common."""
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.bottom <= other.top or other.bottom <= self.top)


def text_boxes(root: ET.Element) -> Iterator[tuple[str, Box]]:
    """Yield each text with the room that it takes, measured as the widest of the usual fonts."""
    for text in root.iter(f"{SVG}text"):
        size, style = float(text.get("font-size", "0")), text.get("class", "")
        width = text_width(text.text or "", size, style)
        for span in text.iter(f"{SVG}tspan"):
            width += text_width(span.text or "", float(span.get("font-size", "0")), style)
        x, y = float(text.get("x", "0")), float(text.get("y", "0"))
        left = x - {"middle": width / 2, "end": width}.get(text.get("text-anchor", ""), 0.0)
        yield text.text or "", Box(left=left, top=y - 0.75 * size, right=left + width, bottom=y + 2)


def rects(root: ET.Element, style: str) -> list[Box]:
    """Return the boxes that have a class."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if style in rect.get("class", "").split():
            x, y, width, height = (float(rect.get(k, "0")) for k in ("x", "y", "width", "height"))
            found.append(Box(left=x, top=y, right=x + width, bottom=y + height))
    return found


def space(text: str) -> Checked:
    """Return the space of a text."""
    checked = check_text(text)
    assert checked is not None
    return checked


def pictures() -> Iterator[object]:
    for path in SHIPPED:
        yield pytest.param(checked_space(path), id=path.stem)
    for name, text in {"many": MANY_STAGES, "deep": DEEP, "wide": WIDE}.items():
        yield pytest.param(space(text), id=name)


@pytest.fixture(params=list(pictures()))
def checked(request: pytest.FixtureRequest) -> Checked:
    """Return one space after the other."""
    found = request.param
    assert isinstance(found, Checked)
    return found


def test_every_stage_and_dimension_is_named(checked: Checked) -> None:
    root = ET.fromstring(draw(checked))
    words = " ".join("".join(e.itertext()) for e in root.iter() if e.tag != f"{SVG}style")
    for node in checked.body.nodes:
        assert not isinstance(node, StageNode) or node.name in words
    for dim in checked.space.dims:
        fixed = dim.key == "depth" and len(dim.var.values) == 1  # its blocks are drawn
        assert fixed or dim.key in words or dim.key.split(".", 1)[-1] in words


def test_no_text_leaves_its_box_or_meets_another(checked: Checked) -> None:
    root = ET.fromstring(draw(checked))
    texts = list(text_boxes(root))
    (page,) = rects(root, "page")
    cards = rects(root, "card")
    for text, box in texts:
        assert page.holds(box), text
        for card in cards:
            assert card.holds(box) or not card.meets(box), text
    for rim in (*rects(root, "rim"), *rects(root, "tag")):
        for text, box in texts:
            assert rim.holds(box) or not rim.meets(box), text
    for (a, first), (b, second) in combinations(texts, 2):
        assert not first.meets(second), (a, b)


def test_no_boxes_overlap(checked: Checked) -> None:
    root = ET.fromstring(draw(checked))
    small = [box for style in ("rim", "tag", "sure", "maybe") for box in rects(root, style)]
    for group in (rects(root, "card"), [box for box in small if box.right - box.left > 4]):
        for first, second in combinations(group, 2):
            assert not first.meets(second)


def test_the_same_space_gives_the_same_bytes() -> None:
    text = (REPOSITORY / "tests/spaces/mixed.ofa").read_text()
    assert draw(space(text)) == draw(space(text))


def test_what_is_drawn_of_mbv3_is_what_the_space_says() -> None:
    svg = draw(checked_space(REPOSITORY / "spaces/mbv3.ofa"))
    plain = svg.replace(DASH, "-").replace(TIMES, "x")
    for text in ("2.18 x 10", "3.41-7.66 M", "128-224 step 4", "32-56", "stride 2 in the first"):
        assert f">{text}<" in plain, text


def test_the_picture_in_the_docs_is_what_is_drawn_now(update_golden: bool) -> None:
    path = REPOSITORY / "docs/mbv3.svg"
    svg = draw(checked_space(REPOSITORY / "spaces/mbv3.ofa"))
    if update_golden:
        path.write_text(svg, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == svg


@pytest.mark.parametrize(("name", "text"), [("deep", DEEP), ("wide", WIDE)])
def test_the_picture_of_a_space_is_as_it_was(name: str, text: str, update_golden: bool) -> None:
    path = REPOSITORY / "tests" / "golden" / f"{name}.svg"
    svg = draw(space(text))
    if update_golden:
        path.write_text(svg, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == svg


@pytest.mark.parametrize(("style", "width"), [("", 5776), ("b", 6338), ("mono", 95 * 62)])
def test_letters_are_as_wide_as_in_their_fonts(style: str, width: int) -> None:
    every = "".join(map(chr, range(32, 127)))
    assert text_width(every, 100, style) == pytest.approx(width)
    assert text_width("\u2026", 10, "m " + style) == (6.2 if style == "mono" else 10.5)


LEGEND = {
    "in every subnet": "stage s depth 1 { conv(8) }",
    "where the depth reaches it": "stage s depth 1..2 { conv(8) }",
    "each block chooses": "stage s depth 1 { conv({8, 16}) }",
    "one choice for the stage": "stage s depth 1 { choice c = {8, 16}; conv(c) }",
    "one choice for the network": "choice c = {8, 16}\nconv(c)",
}


@pytest.mark.parametrize(("said", "body"), LEGEND.items())
def test_a_legend_explains_what_is_drawn_and_no_more(said: str, body: str) -> None:
    svg = draw(space(f"space a {{\n  input image(channels: 3, size: 32)\n  {body}\n}}"))
    alone = {said, "in every subnet"} if "stage s depth 1 " in body else {said}
    if "depth 1..2" in body:
        alone |= {"in every subnet", "one choice for the stage"}
    assert {text for text in LEGEND if f">{text}<" in svg} == alone


def test_hostile_text_stays_text() -> None:
    hostile = '</text><script>alert("1")</script>&amp;'
    canvas = Canvas()
    canvas.text(10, 20, hostile, 12, width=1000)
    canvas.text(10, 40, hostile, 12, width=30)
    canvas.begin(hostile)
    canvas.rect(0, 0, 1, 1, '"><script>')
    canvas.end()
    root = ET.fromstring(canvas.page(100, 100, hostile))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "style", "rect", "text", "g")
    }
    assert next(t.text for t in root.iter(f"{SVG}text")) == hostile


def test_a_condition_is_escaped() -> None:
    svg = draw(space(DEEP))
    assert ">embed &gt; 200<" in svg
    assert ">layers.depth &lt;= 14 or tail.depth == 0<" in svg


def test_the_picture_loads_nothing(tmp_path: Path) -> None:
    svg = draw(space(DEEP))
    assert svg.count("http") == 1  # the namespace
    assert "url(" not in svg
    assert "@import" not in svg
