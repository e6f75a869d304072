import pytest
from django.template import Context, Template
from django.template.base import TextNode
from django.urls import reverse


def drawn(text: str, **values) -> str:
    return Template(text).render(Context(values))


CARDS = '{% each cards %}<li id="{{ place }}-{id}">{name}</li>{% endeach %}'


def test_each_row_is_put_into_the_html_within():
    cards = [{"id": "1", "name": "Анна"}, {"id": "2", "name": "Борис"}]
    assert drawn(CARDS, cards=cards, place="list") == '<li id="list-1">Анна</li><li id="list-2">Борис</li>'
    assert drawn(CARDS, cards=[]) == ""


def test_what_people_write_is_neither_markup_nor_a_place_for_something():
    name = """<b title="x" id='y'>{id} {name.__class__} %s & {{ place }}</b>"""
    (row,) = drawn(CARDS, cards=[{"id": "1", "name": name}], place="list").split("\n")

    assert "<b" not in row
    assert """&lt;b title=&quot;x&quot; id=&#x27;y&#x27;&gt;{id} {name.__class__} %s &amp; {{ place }}""" in row


def test_a_place_that_no_row_fills_is_an_error():
    with pytest.raises(KeyError):
        drawn(CARDS, cards=[{"id": "1"}])


def test_quoted_arguments_make_a_text_when_the_template_is_read():
    template = Template("{% icon 'plus' %}{% address 'clients:add' %}")
    assert {type(node) for node in template.nodelist} == {TextNode}
    asked = Template("{% icon name|lower %}{% icon 'plus' size %}{% icon 'plus'|upper %}{% address 'home' as here %}")
    assert TextNode not in {type(node) for node in asked.nodelist}
    assert "#icon-plus" in asked.render(Context({"name": "PLUS", "size": "small"}))


def test_a_static_file_and_a_part_are_what_django_makes_of_them():
    assert drawn("{% static 'css/base.css' %}") == drawn("{% load static %}{% static 'css/base.css' %}")
    assert drawn('{% part "ui/dialogs.html" %}') == drawn('{% include "ui/dialogs.html" %}')


@pytest.mark.parametrize(
    ("phone", "called"),
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
def test_a_phone_is_called_however_it_is_written(phone, called):
    assert drawn("{{ phone|tel }}", phone=phone) == called


def test_an_address_is_the_one_that_url_gives():
    assert drawn("{% address 'clients:list' %}") == reverse("clients:list")
    assert drawn("{% address 'clients:add' as add %}[{{ add }}]") == f"[{reverse('clients:add')}]"
