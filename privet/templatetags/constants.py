"""Tags whose text depends on their arguments alone."""

from collections.abc import Callable
from functools import cache

from django.template import Context, Library, Node
from django.template.base import Parser, TextNode, Token


def constant_tag(register: Library, function: Callable[..., str]) -> Callable[..., str]:
    """Register a simple tag that is asked once for the same arguments.

    Written with quoted ones it is text as soon as its template is read, and takes no time when a page is rendered.
    """
    register.simple_tag(cache(function))
    read_simple_tag = register.tags[function.__name__]

    def read(parser: Parser, token: Token) -> Node:
        node = read_simple_tag(parser, token)
        quoted = all(isinstance(argument.var, str) and not argument.filters for argument in node.args)
        return TextNode(node.render(Context())) if quoted and not node.kwargs and not node.target_var else node

    register.tag(function.__name__, read)
    return function
