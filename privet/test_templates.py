"""What every page says to the browser in its templates: where forms are sent, and what is not to be kept."""

import re

import pytest
from django.contrib.admin.helpers import ActionForm
from django.forms import BaseForm, Field
from django.urls import get_resolver, reverse

from foundation.env import BASE_DIR
from photos.views import UploadForm

TEMPLATES = BASE_DIR / "templates"
PAGES = [str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html") if "admin" not in path.parts]
# Words of ours, the same for every client.
OURS = ("{{ kind.label }}", "{{ request.step.heading }}", "{{ tab.label }}")


def forms(page: str) -> list[str]:
    return re.findall(r"<form\b.*?</form>", (TEMPLATES / page).read_text(), re.DOTALL)


def tag(form: str) -> str:
    return form[: form.index(">")]


@pytest.mark.parametrize("page", PAGES)
def test_every_form_says_where_it_is_sent(page):
    """Without that htmx sends it to where the browser is when it meets the form."""
    assert [form for form in forms(page) if "action=" not in tag(form) and 'method="dialog"' not in tag(form)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("managers/")])
def test_client_fields_disable_autocomplete(page):
    """Otherwise it offers the words for the next client, and keeps them on the disk to bring the page back."""
    typed = [form for form in forms(page) if re.search(r"{{ (form|field)\b|role=\"search\"", form)]

    assert [form for form in typed if 'method="post"' in tag(form) and 'autocomplete="off"' not in tag(form)] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_is_wrong_is_said_at_the_field_and_not_by_the_browser(page):
    """The browser's bubble comes in its own language, one at a time, and goes away."""
    filled = [form for form in forms(page) if re.search(r"{{ (\w*form|field)\b", form) and 'method="post"' in tag(form)]

    assert [form for form in filled if "novalidate" not in tag(form)] == []


@pytest.mark.parametrize("page", PAGES)
def test_titles_contain_no_personal_data(page):
    """The browser's history keeps it."""
    titles = re.findall(r"{% block title %}(.*?){% endblock %}", (TEMPLATES / page).read_text())
    said = [variable for title in titles for variable in re.findall(r"{{.*?}}", title)]

    assert set(said) <= set(OURS)


def test_a_field_that_was_left_empty_says_what_to_do():
    """«Обязательное поле» says only that something is wrong."""
    get_resolver().url_patterns  # noqa: B018  imports the views with their forms
    asked = [
        (form.__name__, name)
        for form in own(BaseForm)
        for name, field in form.base_fields.items()
        if field.required and not field.widget.is_hidden
        if field.error_messages["required"] == Field.default_error_messages["required"]
    ]
    assert asked == []


def own(kind: type) -> list[type]:
    """Our forms that people fill in."""
    found = [form for form in kind.__subclasses__() if form not in (ActionForm, UploadForm)]
    ours = [form for form in found if (BASE_DIR / form.__module__.split(".")[0]).is_dir()]
    return [*ours, *(form for other in found for form in own(other))]


def test_a_development_server_gives_the_scripts_of_production(as_anna, settings):
    """Those that django-htmx adds replace a page, with all that was typed, when an answer is an error."""
    settings.DEBUG = True
    page = as_anna.get(reverse("clients:list")).text

    assert re.findall(r'src="/static/django_htmx/([^"]+)"', page) == ["htmx-2.min.js"]
