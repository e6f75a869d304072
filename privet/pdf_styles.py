"""A short way to the value of a property that no rule of a stylesheet speaks of: nine of ten of those asked for.

WeasyPrint goes one way for all, past variables, calculations and propagation; that takes a tenth of a document's time.
"""

from weasyprint import css
from weasyprint.css.computed_values import PHYSICAL_FUNCTIONS
from weasyprint.css.properties import INHERITED, INITIAL_NOT_COMPUTED, INITIAL_VALUES

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
    """For every document of this process from now on."""
    css.ComputedStyle = Style
