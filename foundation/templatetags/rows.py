"""Long lists; available in every template."""

from collections.abc import Iterable, Mapping
from html import escape

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_block_tag
def each(content: SafeString, rows: Iterable[Mapping[str, str]]) -> SafeString:
    """{% each page.cards %}<li>{name}</li>{% endeach %}: the HTML within, once for each row, its {…} filled in.

    As {% for %}, several times as fast: tags within are rendered once for all rows, and a row is only put in, escaped.
    Print nothing there that people write, except from the rows: braces in it would be taken for ours.
    """
    return SafeString("".join(content.format(**{name: escape(text) for name, text in row.items()}) for row in rows))
