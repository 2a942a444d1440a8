"""Bar charts as SVG: pure, values in and text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABELS, _NUMBERS, _MARGIN = 530, 200, 62, 24
_ROW, _BAR, _HEAD = 24, 16, 40

# Text and bars keep their contrast on a white page and on a dark one.
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:13px}"
    ".own{fill:#d97706}.other{fill:#8b98a9}.axis{stroke:#8b98a9}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#f59e0b}.other{fill:#6e7b8b}}"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """``value`` None: nothing was measured, and the bar says so. ``own`` bars stand out."""

    label: str
    value: float | None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    bars: Sequence[Bar]


def chart(title: str, panels: Sequence[Panel], columns: int = 2) -> str:
    """A standalone SVG of horizontal bars, each panel with a scale of its own from zero.

    ``title`` is what a screen reader says.
    """
    heights = [_HEAD + len(panel.bars) * _ROW for panel in panels]
    rows = [max(heights[at : at + columns]) for at in range(0, len(panels), columns)]
    width = columns * (_WIDTH + _MARGIN) + _MARGIN
    height = sum(rows) + _MARGIN * (len(rows) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
    ]
    for index, panel in enumerate(panels):
        x = _MARGIN + (index % columns) * (_WIDTH + _MARGIN)
        y = _MARGIN * (index // columns + 1) + sum(rows[: index // columns])
        parts.append(f'<g transform="translate({x} {y})">{_panel(panel)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel) -> str:
    largest = max((bar.value for bar in panel.bars if bar.value is not None), default=0.0)
    parts = [f'<text class="title" x="0" y="16">{escape(panel.title)}</text>']
    for index, bar in enumerate(panel.bars):
        parts.append(_bar(bar, _HEAD - 8 + index * _ROW, largest))
    bottom = _HEAD - 10 + len(panel.bars) * _ROW
    parts.append(f'<line class="axis" x1="{_LABELS}" x2="{_LABELS}" y1="{_HEAD - 12}" y2="{bottom}"/>')
    return "".join(parts)


def _bar(bar: Bar, y: int, largest: float) -> str:
    middle = y + 12.5
    label = f'<text x="{_LABELS - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>'
    if bar.value is None:
        return label + f'<text x="{_LABELS + 6}" y="{middle}">not measured</text>'
    length = (_WIDTH - _LABELS - _NUMBERS) * bar.value / largest if largest else 0.0
    style = "own" if bar.own else "other"
    shape = f'<rect class="{style}" x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_BAR}"/>'
    return label + shape + f'<text x="{_LABELS + length + 6:.1f}" y="{middle}">{bar.value:,.0f}</text>'
