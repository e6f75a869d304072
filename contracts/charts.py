"""Bar charts drawn as SVG by ui/bar_chart.html: no script, no library, every number also in a table."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

HEIGHT = 100
WIDTH = 10
GAP = 2


class Bar(NamedTuple):
    x: int
    y: float
    height: float
    label: str
    value_label: str


class BarChart(NamedTuple):
    title: str
    width: int
    bars: list[Bar]
    max_label: str


def bar_chart(title: str, values: Iterable[tuple[str, float]], format_value: Callable[[float], str] = str) -> BarChart:
    """Return a bar chart of (label, value) pairs; `format_value` returns the text of a value.

    The largest value is HEIGHT high. Values other than 0 are always visible.
    """
    values = list(values)
    highest = max([1, *(value for _, value in values)])
    bars = []
    for index, (label, value) in enumerate(values):
        height = round(max(HEIGHT * float(value) / float(highest), 1 if value else 0), 1)
        bars.append(Bar(index * WIDTH, round(HEIGHT - height, 1), height, label, format_value(value)))
    return BarChart(title, len(values) * WIDTH, bars, format_value(max((value for _, value in values), default=0)))
