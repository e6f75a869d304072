"""Columns drawn as SVG by a template (ui/columns.html): no script, no library, every number also in a table."""

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
    told: str


class BarChart(NamedTuple):
    title: str
    width: int
    columns: list[Bar]
    most: str


def bar_chart(title: str, values: Iterable[tuple[str, float]], tell: Callable[[float], str] = str) -> BarChart:
    """A chart of (label, value) pairs; the largest value is HEIGHT high, and what is not nothing can be seen.

    `tell` says a value in words.
    """
    values = list(values)
    most = max([1, *(value for _, value in values)])
    drawn = []
    for place, (label, value) in enumerate(values):
        height = round(max(HEIGHT * float(value) / float(most), 1 if value else 0), 1)
        drawn.append(Bar(place * WIDTH, round(HEIGHT - height, 1), height, label, tell(value)))
    return BarChart(title, len(values) * WIDTH, drawn, tell(max((value for _, value in values), default=0)))
