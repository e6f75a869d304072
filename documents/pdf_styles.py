"""The same styles as WeasyPrint's, sooner.

Nine of ten values that are asked for are of properties that no rule speaks of. WeasyPrint goes one way for all of them,
past variables, calculations and propagation, and works out fonts and heights of lines anew for each line.
"""

from collections.abc import Callable
from functools import wraps

from weasyprint import css
from weasyprint.css import computed_values, units
from weasyprint.css.computed_values import PHYSICAL_FUNCTIONS
from weasyprint.css.properties import INHERITED, INITIAL_NOT_COMPUTED, INITIAL_VALUES
from weasyprint.layout import inline
from weasyprint.text import line_break

# Neither inherited nor initial as they are, but made of other values.
SPECIAL = {"page", "position", "float", "display"}


def _is_simple(name: str) -> bool:
    return name not in SPECIAL and not name.startswith("text_decoration_")


def _logical(name: str) -> set[str]:
    """What else sets the property: of `margin_left`, `margin_inline_start`, and its end where text runs to the left."""
    return {PHYSICAL_FUNCTIONS[name](block="ttb", inline=inline) for inline in ("ltr", "rtl")}


FROM_PARENT = {name for name in INHERITED if _is_simple(name) and name not in PHYSICAL_FUNCTIONS}
INITIAL = {
    name: value
    for name, value in INITIAL_VALUES.items()
    if _is_simple(name) and name not in INHERITED and name not in INITIAL_NOT_COMPUTED
}
LOGICAL = {name: _logical(name) for name in INITIAL if name in PHYSICAL_FUNCTIONS}


class Style(css.ComputedStyle):
    """The style of an element; `cascaded` is what rules say of it."""

    def __missing__(self, name: str):
        if name not in self.cascaded:
            if name in INITIAL:
                if name not in LOGICAL or self.cascaded.keys().isdisjoint(LOGICAL[name]):
                    self[name] = value = INITIAL[name]
                    return value
            elif name in FROM_PARENT and self.parent_style is not None:
                self[name] = value = self.parent_style[name]
                return value
        return super().__missing__(name)


def use() -> None:
    """For every document of this process from now on; once."""
    css.ComputedStyle = Style
    line_break.get_font_description = _once_for_a_style(line_break.get_font_description)
    strut = _once_for_a_style(line_break.strut)
    for module in (line_break, inline, units, computed_values):
        module.strut = strut


def _once_for_a_style[T](work: Callable[[css.Style], T]) -> Callable[[css.Style], T]:
    name = f"kept_{work.__name__}"

    @wraps(work)
    def kept(style: css.Style) -> T:
        known = vars(style)
        if name not in known:
            known[name] = work(style)
        return known[name]

    return kept
