"""A small space with a schedule beside it, for tests of schedules."""

from __future__ import annotations

import pytest

from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.schedule.find import schedules_of
from ofadsl.compiler.schedule.plan import Schedule
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Diagnostics

TEXT = """
space example(wide = 4) {
  input image(channels: 3, size: 16..32 step 8)
  let many = 3
  stem: conv_bn({8, 16}, kernel: 3, stride: 2)
  stage s1 depth 1..3 { mbconv(16, kernel: {3, 5, 7}, expand: {2, 3, wide}) }
  stage s2 depth 0..2 { op: oneof { big: conv(16, kernel: 5); small: conv(16); none: identity } }
  pool: global_avg_pool
  head: linear(10)
}
"""


def example(phases: str, space: str = TEXT) -> Checked:
    checked = check_text(f"{space}\nlet many = 3\nschedule own(n = 2, x) {{\n{phases}\n}}\n")
    assert checked is not None
    return checked


def own(phases: str, space: str = TEXT, **arguments: str) -> Schedule:
    return schedules_of("own", example(phases, space), {"x": "1"} | arguments)


def codes(found: pytest.ExceptionInfo[Diagnostics]) -> list[str]:
    return [item.code for item in found.value]
