"""The drawings of templates/ui/icons.html, by name; available in every template."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@cache
def icon(name: str, size: str = "") -> SafeString:
    """{% icon "plus" "small" %}. Kept: a page has a dozen, and rendering them took a tenth of its time."""
    return render_to_string("ui/icon.html", {"name": name, "size": size})
