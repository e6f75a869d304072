"""Icons of templates/ui/icons.html, by name; available in every template."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@cache  # a page has a dozen icons, and names and sizes are few
def icon(name: str, size: str = "") -> SafeString:
    """{% icon "plus" "small" %}"""
    return render_to_string("ui/icon.html", {"name": name, "size": size})
