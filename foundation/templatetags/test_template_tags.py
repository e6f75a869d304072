import pytest
from django.template import Context, Template


def render(text: str, **values) -> str:
    return Template(text).render(Context(values))


@pytest.mark.parametrize(
    ("phone", "link"),
    [
        ("9771232323", "+79771232323"),
        ("+79771232323", "+79771232323"),
        ("79771232323", "+79771232323"),
        ("8 (977) 123-23-23", "+79771232323"),
        ("+375 29 123-45-67", "+375291234567"),
        ("112", "112"),
        ("", ""),
        (None, ""),
    ],
)
def test_phone_link_does_not_depend_on_the_number_format(phone, link):
    assert render("{{ phone|tel }}", phone=phone) == link


def test_static_tag_is_built_in():
    assert render("{% static 'css/base.css' %}") == render("{% load static %}{% static 'css/base.css' %}")
