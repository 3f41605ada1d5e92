"""A space as a picture: one SVG that stands alone, in light and dark.

In: the checked space. Out: text, the same for the same space. Cards stand below each other from
the input to the output; a stage shows its blocks, those that every subnet has in full colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from ofadsl.compiler.draw.cards import Card, Elastic, cards, network_choices
from ofadsl.compiler.draw.chips import LINE, chips, draw_chips, flow, height, marks
from ofadsl.compiler.draw.svg import DASH, RAISED, TIMES, Canvas, text_width
from ofadsl.compiler.ends import costs_of
from ofadsl.compiler.lower import lower
from ofadsl.compiler.tree import Checked

WIDTH = 1000
MARGIN = 28
INNER = WIDTH - 2 * MARGIN
LEFT, RIGHT = MARGIN + 20, WIDTH - MARGIN - 18  # of what stands in a card
NAMES, BLOCKS, CHOICES = 150, 176, 350  # the widths of the columns
AT_BLOCKS = LEFT + NAMES + 12
AT_CHOICES = AT_BLOCKS + BLOCKS + 16
AT_MAP = AT_CHOICES + CHOICES + 28  # the middle of a feature map
AT_CHANNELS = RIGHT - 76
GAP = 16  # between cards
MOST_REQUIREMENTS = 8


def draw(checked: Checked) -> str:
    """Return the picture of a space as SVG."""
    canvas = Canvas()
    shown = cards(checked)
    tokens = any(len(card.sizes) == 2 for card in shown)
    y = _header(canvas, checked, "rows, tokens" if tokens else "rows")
    for number, card in enumerate(shown):
        if number:
            _arrow(canvas, y)
            y += GAP
        y = _draw_card(canvas, card, y)
    y = _requirements(canvas, checked, y + 12)
    network = network_choices(checked)
    y = _legend(canvas, shown, (*(d for c in shown for d in (*c.dims, *c.depth)), *network), y + 14)
    return canvas.page(WIDTH, y + 16, f"The search space {checked.space.name}")


# The head


def _header(canvas: Canvas, checked: Checked, extent: str) -> float:
    space = checked.space
    x = float(WIDTH - MARGIN)
    for value, raised, caption in reversed(list(_numbers(checked))):
        number = text_width(value, 18, "b") + text_width(raised, 18 * RAISED, "b")
        wide = max(number, text_width(caption, 11))
        canvas.text(x, 50, value, 18, "b", width=wide, anchor="end", raised=raised)
        canvas.text(x, 68, caption, 11, "m", width=wide, anchor="end")
        x -= wide + 30
    canvas.text(MARGIN, 50, space.name, 26, "b", width=x - MARGIN)
    given = ", ".join(f"{name} = {value}" for name, value in space.params)
    canvas.text(MARGIN, 70, given, 12, "m mono", width=x - MARGIN)
    y = 84.0
    network = flow(chips(network_choices(checked), INNER), INNER)
    if network:
        draw_chips(canvas, network, MARGIN, y + 8)
        y += height(network) + 18
    for at, title in ((LEFT, "part"), (AT_BLOCKS, "blocks"), (AT_CHOICES, "choices")):
        canvas.text(at, y + 14, title, 11, "m", width=100)
    for at, title in ((AT_CHANNELS, "channels"), (RIGHT, extent)):
        canvas.text(at, y + 14, title, 11, "m", width=70, anchor="end")
    return y + 22


def _numbers(checked: Checked) -> Iterable[tuple[str, str, str]]:
    space = checked.space
    many = len(checked.resolution.values) > 1
    size = space.size(with_resolution=False)
    yield *_count(size), "subnets at one resolution" if many else "subnets"
    graph = lower(checked)
    found = costs_of(space, graph).params_of(graph.nodes)
    if found.greatest and found.exact:
        low, high = (f"{number / 1e6:.2f}" for number in (found.least, found.greatest))
        yield f"{low}{DASH}{high} M" if low != high else f"{low} M", "", "parameters"
    resolutions = checked.resolution.values
    yield (
        f"{resolutions[0]}{DASH}{resolutions[-1]}" if many else f"{resolutions[0]}",
        "",
        "resolution",
    )


def _count(number: int) -> tuple[str, str]:
    """Return a number as `1,234`, or as `2.18 x 10` and `19`."""
    if number < 1_000_000:
        return f"{number:,}", ""
    digits = len(str(number)) - 1
    lead = (number + 5 * 10 ** (digits - 3)) // 10 ** (digits - 2)
    if lead == 1000:
        lead, digits = 100, digits + 1
    return f"{lead // 100}.{lead % 100:02d} {TIMES} 10", str(digits)


# Cards


def _draw_card(canvas: Canvas, card: Card, y: float) -> float:
    """Draw a card at ``y`` and return where it ends."""
    elastic = [dim for dim in card.dims if len(dim.values) > 1]
    fixed = [f"{dim.name} {dim.values[0]}" for dim in card.dims if len(dim.values) == 1]
    texts = (*fixed, *card.marks)
    choices = flow(chips(elastic, CHOICES), CHOICES, together=tuple(marks(texts)))
    depth = flow(chips(card.depth, BLOCKS), BLOCKS)
    squares = _squares(card.blocks)
    below = y + 10 + squares[2] + (8 if depth else 0)
    stacked = bool(card.kind) and (card.blocks > 0 or height(choices) > LINE)
    inner = max(36 if stacked else 20, height(choices), below - y - 10 + height(depth))
    canvas.rect(MARGIN, y, INNER, inner + 20, "card", 8)
    canvas.rect(MARGIN + 7, y + 8, 3, inner + 4, "sure" if card.blocks else "static", 1.5)
    _title(canvas, card, y + 10, stacked)
    _blocks(canvas, card, squares, y + 10)
    draw_chips(canvas, depth, AT_BLOCKS, below)
    draw_chips(canvas, choices, AT_CHOICES, y + 10)
    canvas.text(AT_CHANNELS, y + 25.5, card.channels, 13, "b", width=80, anchor="end")
    canvas.text(RIGHT, y + 25.5, card.extent, 13, "m", width=72, anchor="end")
    _feature_map(canvas, card, y + 20)
    return y + inner + 20


def _feature_map(canvas: Canvas, card: Card, y: float) -> None:
    """Draw what comes out as a box: its front is rows and columns, its depth the channels.

    Lengths grow with the square root, so that the smallest can be seen beside the largest.
    """
    rows, columns, channels = (sqrt(number) for number in card.largest)
    high, wide = (min(max(1.9 * side, 3), 29) for side in (rows, columns))
    deep = min(0.72 * channels, 26)
    rise = deep * 0.35
    x, top = AT_MAP - (wide + deep) / 2, y - (high - rise) / 2
    up, down = f"l{deep:.1f} {-rise:.1f}", f"l{-deep:.1f} {rise:.1f}"
    canvas.path(f"M{x:.1f} {top:.1f}h{wide:.1f}v{high:.1f}h{-wide:.1f}z", "map")
    canvas.path(f"M{x:.1f} {top:.1f}{up}h{wide:.1f}{down}z", "map")
    canvas.path(f"M{x + wide:.1f} {top:.1f}{up}v{high:.1f}{down}z", "map")


def _title(canvas: Canvas, card: Card, y: float, stacked: bool) -> None:
    canvas.text(LEFT, y + 15.5, card.name, 15, "b", width=NAMES)
    if stacked:
        canvas.text(LEFT, y + 34, card.kind, 12, "m mono", width=NAMES)
    elif card.kind != card.name:
        canvas.text(AT_BLOCKS, y + 15.5, card.kind, 12, "m mono", width=BLOCKS)


def _squares(blocks: int) -> tuple[int, int, float]:
    """Return the side of a block, how many stand in a line, and how high all of them are."""
    side = line = lines = 0
    while blocks and side < (15 if lines < 3 else 5):
        lines += 1
        line = -(-blocks // lines)
        side = min(24 if lines == 1 else 17, (BLOCKS + 5) // line - 5)
    return side, line, lines * (side + 5) - 5 if blocks else 0


def _blocks(canvas: Canvas, card: Card, squares: tuple[int, int, float], y: float) -> None:
    side, line, _ = squares
    for block in range(card.blocks):
        sure = block < card.sure
        x = AT_BLOCKS + block % line * (side + 5)
        top = y + block // line * (side + 5)
        if block % line and side > 10:
            canvas.path(f"M{x - 5:g} {top + side / 2:g}h5", "line")
        style = "sure" if sure else "maybe" if side > 10 else "maybe tiny"
        rim = 0 if sure else 0.5
        canvas.rect(x + rim, top + rim, side - 2 * rim, side - 2 * rim, style, side / 6)
        if side >= 15:
            middle, text = x + side / 2, "on" if sure else "m"
            canvas.text(
                middle, top + side / 2 + 4, str(block), 10, text, width=side, anchor="middle"
            )


def _arrow(canvas: Canvas, y: float) -> None:
    x = LEFT + 6
    canvas.path(f"M{x} {y + 1:g}v{GAP - 5}", "line")
    canvas.path(f"M{x - 4} {y + GAP - 6:g}h8l-4 5z", "tip")


# The foot


def _requirements(canvas: Canvas, checked: Checked, y: float) -> float:
    texts = list(dict.fromkeys(" ".join(r.text.split()) for r in checked.space.requirements))
    shown = texts[:MOST_REQUIREMENTS]
    if len(texts) > len(shown):
        shown.append(f"… and {len(texts) - len(shown)} more")
    for text in shown:
        canvas.text(MARGIN, y + 14, "require", 12, "b mono", width=60)
        canvas.text(MARGIN + 66, y + 14, text, 12, "mono", width=INNER - 66)
        y += 20
    return y


def _legend(canvas: Canvas, shown: tuple[Card, ...], dims: tuple[Elastic, ...], y: float) -> float:
    owners = {dim.owner for dim in dims if len(dim.values) > 1}
    sure = any(card.sure for card in shown)
    maybe = any(card.sure < card.blocks for card in shown)
    texts = (
        ("sure", "in every subnet", sure),
        ("maybe", "where the depth reaches it", maybe),
        ("block", "each block chooses", "block" in owners),
        ("stage", "one choice for the stage", "stage" in owners),
        ("network", "one choice for the network", "network" in owners),
    )
    x = float(MARGIN)
    for style, text, needed in texts:
        if not needed:
            continue
        more = {} if style in ("sure", "maybe") else {"fill_opacity": "0.36"}
        canvas.rect(x, y, 12, 12, style, 3, **more)
        wide = text_width(text, 11)
        canvas.text(x + 18, y + 10, text, 11, "m", width=wide)
        x += 18 + wide + 24
    return y + 12
