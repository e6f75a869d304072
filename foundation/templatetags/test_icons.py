import re

from django.conf import settings
from django.template import Context, Template

TEMPLATES = settings.BASE_DIR / "templates"


def render(text: str, **values) -> str:
    return Template(text).render(Context(values)).strip()


def test_icon_refers_to_its_symbol_with_its_size():
    assert render('{% icon "plus" %}') == '<svg class="icon" aria-hidden="true"><use href="#icon-plus"/></svg>'
    assert 'class="icon small"' in render('{% icon "plus" "small" %}')
    assert "#icon-mine" in render("{% icon name %}", name="mine")


def test_icon_name_is_escaped():
    assert "<b>" not in render("{% icon name %}", name='"/><b>')


def test_every_icon_used_in_templates_exists():
    names = {name for page in TEMPLATES.rglob("*.html") for name in re.findall(r'{% icon "([^"]+)"', page.read_text())}
    assert names
    symbols = (TEMPLATES / "ui" / "icons.html").read_text()
    assert not [name for name in names if f'id="icon-{name}"' not in symbols]
