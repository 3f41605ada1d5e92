"""The lines of a formatted text as they grow, with the comments of its source among them."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from ofadsl.compiler import syntax


@dataclass(slots=True, kw_only=True)
class Writer:
    """The lines so far, and how far in the source they are."""

    text: str
    comments: list[syntax.Comment]
    starts: list[int]
    lines: list[str] = field(default_factory=list)
    taken: int = 0  # comments
    end: int = 0  # of what was written last, in the source
    fresh: bool = True  # nothing was written yet in this body
    commented: bool = False  # the last line has a comment
    whole: bool = False  # the last line is a whole node

    def write(self, line: str, end: int) -> None:
        """Add a line, for what ends at ``end`` in the source."""
        self.lines.append(line)
        self.end, self.fresh, self.commented, self.whole = end, False, False, False

    def gap(self, start: int) -> None:
        """Add an empty line if there are some between the last line and ``start``."""
        if not self.fresh and self.text.count("\n", self.end, start) > 1:
            self.lines.append("")

    def flush(self, until: int, margin: str) -> None:
        """Write the comments before ``until``, each on its own line or behind the last one."""
        while self.taken < len(self.comments) and self.starts[self.taken] < until:
            comment = self.comments[self.taken]
            self.taken += 1
            start, text = comment.span.start, comment.text.rstrip()
            before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
            if before.strip(" \t;\ufeff") and self.lines and not self.commented:
                self.lines[-1] += f"  {text}"
                self.end, self.commented = comment.span.end, True
                continue
            self.gap(start)
            self.write(margin + text, comment.span.end)
            self.commented = True

    def hoist(self, until: int, margin: str) -> None:
        """Write the comments before ``until`` on lines of their own, before what holds them."""
        while self.taken < len(self.comments) and self.starts[self.taken] < until:
            self.lines.append(margin + self.comments[self.taken].text.rstrip())
            self.taken += 1
            self.fresh = self.commented = True

    def holds(self, start: int, end: int) -> bool:
        """Whether a comment begins between two places."""
        return bisect.bisect_left(self.starts, start) < bisect.bisect_left(self.starts, end)

    def find(self, sign: str, start: int) -> int:
        """Return the place of ``sign`` from ``start`` on, comments apart; -1 without any."""
        if not self.comments:
            return -1
        while (start := self.text.find(sign, start)) >= 0:
            before = bisect.bisect_right(self.starts, start) - 1
            if before < 0 or self.comments[before].span.end <= start:
                return start
            start = self.comments[before].span.end
        return -1
