"""Tags whose text depends on their arguments alone; available in every template."""

from collections.abc import Callable
from functools import cache, partial

from django import template
from django.template import Context, Library, Node
from django.template.base import Parser, TextNode, Token
from django.template.loader import render_to_string
from django.templatetags.static import static as static_url
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()


def constant_tag(library: Library, function: Callable[..., str]) -> Callable[..., str]:
    """Register a simple tag that is asked once for the same arguments.

    Written with quoted ones it is text as soon as its template is read, and takes no time when a page is rendered.
    """
    library.simple_tag(cache(function))
    read_simple_tag = library.tags[function.__name__]

    def read(parser: Parser, token: Token) -> Node:
        node = read_simple_tag(parser, token)
        quoted = all(isinstance(argument.var, str) and not argument.filters for argument in node.args)
        return TextNode(node.render(Context())) if quoted and not node.kwargs and not node.target_var else node

    library.tag(function.__name__, read)
    return function


@partial(constant_tag, register)
def address(name: str) -> SafeString:
    """{% address "clients:list" %}: as {% url %}, for a page of which there is one.

    The look-ups of those on every page took a tenth of its time.
    """
    return escape(reverse(name))


@partial(constant_tag, register)
def static(path: str) -> SafeString:
    """{% static "css/base.css" %}: as Django's, which a template gets by {% load static %}."""
    return escape(static_url(path))


@partial(constant_tag, register)
def part(template_name: str) -> SafeString:
    """{% part "ui/icons.html" %}: as {% include %}, for what is the same on every page."""
    return render_to_string(template_name)
