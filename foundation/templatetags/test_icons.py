import re

from django.conf import settings
from django.template import Context, Template

TEMPLATES = settings.BASE_DIR / "templates"


def drawn(text: str, **values) -> str:
    return Template(text).render(Context(values)).strip()


def test_an_icon_refers_to_its_drawing_in_the_size_asked_for():
    assert drawn('{% icon "plus" %}') == '<svg class="icon" aria-hidden="true"><use href="#icon-plus"/></svg>'
    assert 'class="icon small"' in drawn('{% icon "plus" "small" %}')
    assert "#icon-mine" in drawn("{% icon name %}", name="mine")


def test_no_markup_of_a_name_is_drawn():
    assert "<b>" not in drawn("{% icon name %}", name='"/><b>')


def test_every_icon_that_a_page_names_is_drawn():
    named = {name for page in TEMPLATES.rglob("*.html") for name in re.findall(r'{% icon "([^"]+)"', page.read_text())}
    assert named
    drawings = (TEMPLATES / "ui" / "icons.html").read_text()
    assert not [name for name in named if f'id="icon-{name}"' not in drawings]
