"""Rules for all templates: form actions, autocomplete, validation messages and titles."""

import re

import pytest
from django.contrib.admin.helpers import ActionForm
from django.forms import BaseForm, Field
from django.urls import get_resolver, reverse

from foundation.env import BASE_DIR
from photos.views import UploadForm

TEMPLATES = BASE_DIR / "templates"
PAGES = [str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html") if "admin" not in path.parts]
# Variables in titles that are the same for every client.
TITLE_VARIABLES = ("{{ kind.label }}", "{{ request.step.heading }}", "{{ tab.label }}")


def forms(page: str) -> list[str]:
    return re.findall(r"<form\b.*?</form>", (TEMPLATES / page).read_text(), re.DOTALL)


def start_tag(form: str) -> str:
    return form[: form.index(">")]


@pytest.mark.parametrize("page", PAGES)
def test_every_form_has_an_action(page):
    """Without an action htmx submits the form to the URL that the browser showed when htmx processed the form."""
    assert [
        form for form in forms(page) if "action=" not in start_tag(form) and 'method="dialog"' not in start_tag(form)
    ] == []


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("managers/")])
def test_client_fields_disable_autocomplete(page):
    """Otherwise the browser suggests the values for the next client, and saves them to disk to restore the page."""
    editable = [form for form in forms(page) if re.search(r"{{ (form|field)\b|role=\"search\"", form)]

    assert [
        form for form in editable if 'method="post"' in start_tag(form) and 'autocomplete="off"' not in start_tag(form)
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_forms_disable_browser_validation(page):
    """The browser shows messages in its own language, one at a time, and hides them again."""
    editable = [
        form for form in forms(page) if re.search(r"{{ (\w*form|field)\b", form) and 'method="post"' in start_tag(form)
    ]

    assert [form for form in editable if "novalidate" not in start_tag(form)] == []


@pytest.mark.parametrize("page", PAGES)
def test_titles_contain_no_personal_data(page):
    """Titles are stored in the browser's history."""
    titles = re.findall(r"{% block title %}(.*?){% endblock %}", (TEMPLATES / page).read_text())
    variables = [variable for title in titles for variable in re.findall(r"{{.*?}}", title)]

    assert set(variables) <= set(TITLE_VARIABLES)


def test_required_fields_have_their_own_error_message():
    """Django's «Обязательное поле» does not say what to do."""
    get_resolver().url_patterns  # noqa: B018  imports the views with their forms
    defaults = [
        (form.__name__, name)
        for form in our_subclasses(BaseForm)
        for name, field in form.base_fields.items()
        if field.required and not field.widget.is_hidden
        if field.error_messages["required"] == Field.default_error_messages["required"]
    ]
    assert defaults == []


def our_subclasses(base: type) -> list[type]:
    """Return the form classes of our apps that users fill in."""
    subclasses = [form for form in base.__subclasses__() if form not in (ActionForm, UploadForm)]
    ours = [form for form in subclasses if (BASE_DIR / form.__module__.split(".")[0]).is_dir()]
    return [*ours, *(form for subclass in subclasses for form in our_subclasses(subclass))]


def test_debug_adds_no_htmx_scripts(as_anna, settings):
    """The debug script of django-htmx replaces the page and its typed text if a response is an error."""
    settings.DEBUG = True
    page = as_anna.get(reverse("clients:list")).text

    assert re.findall(r'src="/static/django_htmx/([^"]+)"', page) == ["htmx-2.min.js"]
