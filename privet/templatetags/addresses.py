"""Where our pages are; available in every template."""

from functools import partial

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from privet.templatetags.constants import constant_tag

register = template.Library()


@partial(constant_tag, register)
def address(name: str) -> SafeString:
    """{% address "clients:list" %}: as {% url %}, for a page of which there is one.

    The look-ups of those on every page took a tenth of its time.
    """
    return escape(reverse(name))
