"""The plot of predictions against measurements: round ticks, units, light and dark colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ofadsl.calibrate.check import Quality
from ofadsl.calibrate.report import report

SVG = "{http://www.w3.org/2000/svg}"


def quality(scale: float = 1.0, *, width: float = 0.1) -> Quality:
    y = np.array([1.64, 2.1, 3.3, 4.77]) * scale
    mean = y * np.array([1.0, 1.02, 0.5, 0.99])
    return Quality(y=y, mean=mean, deviation=y * width, order=np.arange(4.0))


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_axes_have_round_numbers_and_units() -> None:
    found = texts(report(quality(), "mbv3 on pixel", "energy_mj"))
    assert {"measured energy, mj", "predicted energy, mj"} <= set(found)
    ticks = [text for text in found if re.fullmatch(r"[\d.]+", text)]
    assert ticks[::2] == ticks[1::2] == ["1", "2", "3", "4", "5"]


def test_a_measurement_outside_of_its_interval_is_marked() -> None:
    svg = report(quality(), "t", "latency_ms")
    points = [node.get("class") for node in ElementTree.fromstring(svg).iter(f"{SVG}circle")]
    assert points.count("point missed") == 1 + 1  # and the legend
    assert points.count("point") == 3 + 1


def test_the_plot_stands_alone_in_light_and_dark() -> None:
    svg = report(quality(), "t", "latency_ms")
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"href|url\(|@import|<script", svg)


def test_a_title_is_text() -> None:
    title = "</title><script>alert(1)</script>" * 9
    svg = report(quality(), title, "latency_ms")
    root = ElementTree.fromstring(svg)
    assert root.findtext(f"{SVG}title") == title
    assert len(texts(svg)[0]) == 60


@pytest.mark.parametrize(("scale", "width"), [(1e-6, 0.1), (1e11, 0.1), (1.0, 50.0), (1.0, 0.0)])
def test_every_point_is_inside(scale: float, width: float) -> None:
    root = ElementTree.fromstring(report(quality(scale, width=width), "t", "latency_ms"))
    for node in root.iter(f"{SVG}circle"):
        assert 70 <= float(node.get("cx", "")) <= 540
        assert 60 <= float(node.get("cy", "")) <= 550
    ticks = [text for text in texts(ElementTree.tostring(root, "unicode")) if text[:1].isdigit()]
    assert len(ticks) == len(set(ticks)) * 2 >= 6
