"""The page of a front: what stands in it, that it stands alone, and what a browser makes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ofadsl.chart import axis_of, shown
from ofadsl.search.front import Front, Limit, Objective
from ofadsl.search.report import report
from ofadsl.search.report.stages import picture, ranges_of
from tests.packages import compiled

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def front() -> Front:
    mcunet = compiled("mcunet")
    cost = mcunet.module.cost
    x = cost.sample(40, np.random.default_rng(3))
    x = x[np.argsort(-cost.macs(x))]
    macs = cost.macs(x).astype(float)
    latency, accuracy = macs / 1e6, macs / macs.max()
    return Front(
        space="mcunet",
        space_hash=cost.SPACE_HASH,
        source="spaces/mcunet.ofa",
        settings={},
        x=x,
        archs=tuple(cost.decode(x)),
        dimensions={dim.var.name: dim.var.values for dim in mcunet.checked.space.dims},
        objectives=(
            Objective(text="accuracy", unit="", maximize=True),
            Objective(text="latency[chip]", unit="ms", maximize=False),
        ),
        values=np.stack([accuracy, latency], axis=1),
        units={"latency[chip]": "ms", "peak_memory": "B"},
        costs={
            "macs": macs,
            "peak_memory": cost.peak_memory(x, 1).astype(float),
            "latency[chip]": latency,
            "accuracy": accuracy,
        },
        intervals={"latency[chip]": np.stack([latency * 0.9, latency * 1.2], axis=1)},
        limits=(
            Limit(text="latency[chip] <= 80 ms", cost="latency[chip]", op="<=", bound=80.0),
            Limit(text="s1.depth <= s2.depth"),
        ),
        bytes_per_element=1,
        confident=False,
        method="genetic",
        complete=True,
        evaluations=4000,
        found=44,
    )


def test_the_page_stands_alone(front: Front) -> None:
    text = report(front)
    assert not re.search(r"(src|href)\s*=|url\(|https?:|@import", text)


def test_every_arch_has_a_row_a_picture_and_a_point_in_each_plot(front: Front) -> None:
    text = report(front)
    assert text.count("<tr data-arch") == text.count('class="detail') == 40
    plots = text.count('class="plot"')
    assert plots == 3  # over latency, macs and memory
    assert text.count('class="point"') == 40 * plots


def test_constraints_and_intervals_are_drawn(front: Front) -> None:
    text = report(front)
    assert text.count('class="limit"') == 1
    assert "&lt;= 80 ms" in text
    assert text.count('class="interval"') == 40
    assert "s1.depth &lt;= s2.depth" in text


def test_a_constraint_that_is_far_away_is_an_arrow_to_its_side(front: Front) -> None:
    for bound, text in (
        (-1e6, "\N{LEFTWARDS ARROW} &lt;= -1,000,000 ms"),
        (1e6, "\N{RIGHTWARDS ARROW}"),
    ):
        limit = Limit(text="latency[chip]", cost="latency[chip]", op="<=", bound=bound)
        page = report(replace(front, limits=(limit,)))
        assert text in page
        assert 'class="limit"' not in page


def test_only_what_is_a_front_in_two_objectives_is_joined(front: Front) -> None:
    assert report(front).count('class="line"') == 1
    third = Objective(text="peak_memory", unit="B", maximize=False)
    values = np.column_stack([front.values, front.costs["peak_memory"]])
    three = replace(front, objectives=(*front.objectives, third), values=values)
    assert 'class="line"' not in report(three)


def test_bytes_say_their_unit_and_intervals_the_unit_of_their_value(front: Front) -> None:
    large = replace(front, intervals={"latency[chip]": front.intervals["latency[chip]"] * 100})
    text = report(large)
    assert re.search(r"\d ms \([\d,]+ to [\d,]+\)", text)
    assert re.search(r'class="tick"[^>]*>\d+ kB<', text)
    assert ">peak_memory</button>" in text
    assert ">latency[chip] (ms)</button>" in text


def test_many_points_show_the_intervals_of_the_chosen_alone(front: Front) -> None:
    twice = replace(
        front,
        x=np.concatenate([front.x, front.x]),
        archs=front.archs * 2,
        values=np.concatenate([front.values, front.values]),
        costs={name: np.tile(column, 2) for name, column in front.costs.items()},
        intervals={name: np.tile(ends, (2, 1)) for name, ends in front.intervals.items()},
    )
    assert 'class="plot dense"' in report(twice)
    assert "of the chosen subnet" in report(twice)
    assert 'class="plot dense"' not in report(front)


def test_the_caption_names_only_what_is_drawn(front: Front) -> None:
    bare = replace(front, intervals={}, limits=(Limit(text="resolution == 48"),))
    text = report(bare)
    assert "Point at a subnet, or choose a row." in text
    assert "dashed" not in text


def test_words_below_blocks_have_room_and_a_shade_each() -> None:
    archs = [
        {"stages": {"a_long_name": {"depth": 2, "blocks": [{"op": "k3_e1_g2"}, {"op": "skip"}]}}},
        {"stages": {"a_long_name": {"depth": 2, "blocks": [{"op": "k5_e6"}, {"op": "skip"}]}}},
    ]
    ranges = ranges_of(archs)
    drawn = picture(archs[0], ranges)
    edges = [float(x) for x in re.findall(r'<rect class="block" x="([\d.]+)"', drawn)]
    assert edges[1] - edges[0] > 8 * 5.5  # eight letters of ten pixels
    shades = re.findall(r'fill-opacity="([\d.]+)"', drawn + picture(archs[1], ranges))
    assert len(set(shades)) == 3
    assert re.findall(r'<rect class="block"[^>]* height="([\d.]+)"', drawn) == ["34.0"] * 2


def test_what_stands_beside_a_stage_is_inside_the_picture() -> None:
    stage = {"depth": 1, "width": 0.65, "activation": "hswish", "blocks": [{"expand": 0.35}]}
    arch = {"stages": {"s1": stage}}
    drawn = picture(arch, ranges_of([arch]))
    width = int(re.findall(r'width="(\d+)">', drawn)[0])
    start, text = re.findall(r'class="values" x="([\d.]+)" y="\d+">([^<]*)<', drawn)[-1]
    assert text == "expand; width 0.65, activation hswish"
    assert float(start) + 5.5 * len(text) < width


def test_text_of_users_never_becomes_markup(front: Front) -> None:
    evil = "<script>alert(1)</script>"
    bad = replace(front, limits=(Limit(text=evil),), space=evil, source=evil, settings={})
    assert evil not in report(bad)
    cost = Objective(text=evil, unit=evil, maximize=False)
    bad = replace(front, objectives=(front.objectives[0], cost))
    assert evil not in report(bad)


def test_an_empty_front_says_so(front: Front) -> None:
    empty = replace(
        front,
        x=front.x[:0],
        archs=(),
        values=front.values[:0],
        costs={name: column[:0] for name, column in front.costs.items()},
        intervals={},
    )
    assert "Nothing is within the constraints" in report(empty)


def test_one_subnet_and_one_objective_are_enough(front: Front) -> None:
    one = replace(
        front,
        x=front.x[:1],
        archs=front.archs[:1],
        objectives=front.objectives[:1],
        values=front.values[:1, :1],
        costs={name: column[:1] for name, column in front.costs.items()},
        intervals={},
    )
    assert "1 subnet of 44 found" in report(one)


def test_a_long_expression_is_cut_beside_an_axis_and_whole_in_the_table(front: Front) -> None:
    long = " + ".join(["latency[pixel]"] * 20)
    first = replace(front.objectives[0], text=long, unit="")
    text = report(replace(front, objectives=(first, *front.objectives[1:])))
    assert f"<th>{long}</th>" in text
    titles = re.findall(r'class="axis"[^>]*>([^<]*)<', text)
    assert max(map(len, titles)) == 72
    assert f"{long[:71]}\N{HORIZONTAL ELLIPSIS}" in titles


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (20.0, "ms", "20 ms"),
        (1500.0, "ms", "1500 ms"),
        (123456.7, "mJ", "123,457 mJ"),
        (3e8, "", "300M"),
        (1234.5, "B", "1.234 kB"),
        (7.5e9, "B", "7.5 GB"),
        (96.0, "B", "96 B"),
        (999_960.0, "B", "1 MB"),
        (999_940.0, "", "999.9k"),
        (0.7, "", "0.7"),
        (0.978512, "", "0.9785"),
    ],
)
def test_values_are_shown_for_people(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_ticks_are_round_and_on_the_axis() -> None:
    axis = axis_of([3.2, 18.9], start=0, end=100)
    assert axis.ticks() == [4, 6, 8, 10, 12, 14, 16, 18]
    assert axis_of([5.0, 5.0], start=0, end=1).ticks()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_points_and_constraints(front: Front, scheme: str, tmp_path: Path) -> None:
    text = report(front)
    if scheme == "dark":  # a flag for it comes and goes with the browser's versions
        text = text.replace("(prefers-color-scheme: dark)", "all")
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(text, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1240,1150"]
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    own = [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}"]
    command = [str(CHROMIUM), *flags, *quiet, *own, page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(picture) as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 24) or ()}
    expected = {
        "light": ("#fbfbfa", "#1f6f8b", "#d2500f", "#a3262a"),
        "dark": ("#15181b", "#6cc0dc", "#ff9a5a", "#ff8a86"),
    }
    for color in expected[scheme]:
        assert tuple(bytes.fromhex(color[1:])) in colors, color
