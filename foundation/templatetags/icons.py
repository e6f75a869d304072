"""The drawings of templates/ui/icons.html, by name; available in every template."""

from functools import partial

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from foundation.templatetags.constants import constant_tag

register = template.Library()


@partial(constant_tag, register)
def icon(name: str, size: str = "") -> SafeString:
    """{% icon "plus" "small" %}. A page has a dozen; rendering them took a tenth of its time."""
    return render_to_string("ui/icon.html", {"name": name, "size": size})
