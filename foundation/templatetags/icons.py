"""Icons of templates/ui/icons.html, by name; built in to every template."""

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@cache  # a page has a dozen icons; there are few names and sizes
def icon(name: str, size: str = "") -> SafeString:
    """{% icon "plus" "small" %}"""
    return render_to_string("ui/icon.html", {"name": name, "size": size})
