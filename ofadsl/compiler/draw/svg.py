"""Text, boxes and colours of a drawing: in go places and words, out come lines of SVG.

No font can be asked how wide a text is, so it is taken to be as wide as in the widest of the usual
sans-serif fonts, and what would not fit is set smaller, then cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

DASH, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"

REGULAR = (
    *(32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37, 32, 34, 64, 64, 64, 64, 64, 64, 64),
    *(64, 64, 64, 34, 34, 84, 84, 84, 56, 102, 69, 69, 73, 78, 67, 62, 78, 76, 30, 50, 67, 56, 87),
    *(75, 79, 67, 79, 73, 67, 62, 74, 69, 99, 69, 67, 69, 40, 34, 40, 84, 56, 50, 62, 64, 55, 64),
    *(62, 36, 64, 64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 53, 40, 64, 60, 82, 60, 60, 53, 64),
    *(34, 64, 84),
)
"""Hundredths of the font size for the characters 32 to 126: DejaVu Sans or Arial, the wider."""

BOLD = (
    *(35, 46, 53, 84, 70, 101, 88, 31, 46, 46, 53, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70),
    *(70, 70, 70, 40, 40, 84, 84, 84, 62, 100, 78, 77, 74, 84, 69, 69, 83, 84, 38, 56, 78, 64),
    *(100, 84, 86, 74, 86, 78, 73, 69, 82, 78, 111, 78, 73, 73, 46, 37, 46, 84, 56, 50, 68, 72),
    *(60, 72, 68, 44, 72, 72, 35, 35, 67, 35, 105, 72, 69, 72, 72, 50, 60, 48, 72, 66, 93, 65, 66),
    *(59, 72, 37, 72, 84),
)
"""The same for bold text."""

STYLE = """
text{font-family:"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.b{font-weight:600} .m{fill:#59636e} .mono{font-family:ui-monospace,Menlo,Consolas,monospace}
.page{fill:#ffffff} .card{fill:#f6f8fa;stroke:#d1d9e0} .tag{fill:#ffffff;stroke:#d1d9e0}
.line{stroke:#afb8c1;fill:none} .tip{fill:#afb8c1} .static{fill:#afb8c1}
.block{fill:#0969da} .stage{fill:#8250df} .network{fill:#bc4c00}
.blocks{stroke:#0969da} .stages{stroke:#8250df} .networks{stroke:#bc4c00}
.sure{fill:#0969da} .maybe{fill:#0969da;fill-opacity:.1;stroke:#0969da;stroke-dasharray:3 2}
.on{fill:#ffffff} .rim{fill:none;stroke-opacity:.55}
.map{fill:#0969da;stroke:#0969da;fill-opacity:.16;stroke-opacity:.6}
.tiny{stroke-dasharray:none;stroke-opacity:.6}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc} .m{fill:#9198a1} .page{fill:#0d1117}
.card{fill:#151b23;stroke:#3d444d} .tag{fill:#0d1117;stroke:#3d444d}
.line{stroke:#656c76} .tip{fill:#656c76} .static{fill:#656c76}
.block{fill:#4493f8} .stage{fill:#ab7df8} .network{fill:#db6d28}
.blocks{stroke:#4493f8} .stages{stroke:#ab7df8} .networks{stroke:#db6d28}
.map{fill:#4493f8;stroke:#4493f8} .sure{fill:#316dca}
.maybe{fill:#4493f8;fill-opacity:.14;stroke:#4493f8}
}
""".strip()


RAISED = 0.7
"""The size of an exponent, against what it stands behind."""


def text_width(text: str, size: float, style: str = "") -> float:
    """Return at most how wide a text is, in pixels; ``style`` holds class names."""
    names = style.split()
    if "mono" in names:
        return len(text) * size * 0.62
    widths = BOLD if "b" in names else REGULAR
    return sum(widths[ord(c) - 32] if " " <= c <= "~" else 105 for c in text) * size / 100


def shortened(text: str, width: float, size: float, style: str = "") -> str:
    """Return the text, cut where it is wider than ``width``."""
    if text_width(text, size, style) <= width:
        return text
    while text and text_width(text + "…", size, style) > width:
        text = text[:-1]
    return text + "…"


@dataclass(slots=True)
class Canvas:
    """The elements drawn so far, in their order."""

    lines: list[str] = field(default_factory=list)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        style: str,
        radius: float = 4,
        **more: str,
    ) -> None:
        """Draw a box."""
        self._element("rect", x=x, y=y, width=width, height=height, rx=radius, style=style, **more)

    def path(self, d: str, style: str, **more: str) -> None:
        """Draw a path."""
        self._element("path", d=d, style=style, **more)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        style: str = "",
        *,
        width: float,
        anchor: str = "start",
        raised: str = "",
    ) -> None:
        """Write text on the baseline ``y``, in at most ``width`` pixels; a hint has all of it.

        ``raised`` is an exponent after it.
        """
        small = max(size * 0.8, 9)
        wanted = text_width(text, size, style)
        if wanted > width:
            size = max(small, int(size * width / wanted * 10) / 10)
        shown = shortened(text, width, size, style)
        inner = escape(shown) + (f"<title>{escape(text)}</title>" if shown != text else "")
        if raised:
            up = _attributes({"dy": -size * 0.35, "font-size": size * RAISED})
            inner += f"<tspan{up}>{escape(raised)}</tspan>"
        where = {} if anchor == "start" else {"text-anchor": anchor}
        given = _attributes({"x": x, "y": y, "font-size": size, "class": style, **where})
        self.lines.append(f"<text{given}>{inner}</text>")

    def begin(self, hint: str = "") -> None:
        """Begin a group, with a hint that is shown when it is pointed at."""
        self.lines.append("<g>" + (f"<title>{escape(hint)}</title>" if hint else ""))

    def end(self) -> None:
        """End the group."""
        self.lines.append("</g>")

    def page(self, width: float, height: float, title: str) -> str:
        """Return the whole drawing."""
        size = _attributes(
            {"width": width, "height": height, "viewBox": f"0 0 {width:g} {height:g}"}
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg"{size} role="img">',
                f"<title>{escape(title)}</title>",
                f"<style>{STYLE}</style>",
                f'<rect class="page" width="{width:g}" height="{height:g}" rx="10"/>',
                *self.lines,
                "</svg>\n",
            ]
        )

    def _element(self, tag: str, *, style: str, **given: str | float) -> None:
        names = {name.replace("_", "-"): value for name, value in given.items()}
        self.lines.append(f"<{tag}{_attributes({'class': style, **names})}/>")


def _attributes(given: dict[str, str | float]) -> str:
    return "".join(
        f" {name}={quoteattr(value if isinstance(value, str) else f'{round(value, 1):g}')}"
        for name, value in given.items()
        if value != ""
    )
