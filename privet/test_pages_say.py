"""What every page says to the browser in its templates: where forms are sent, and what is not to be kept."""

import re

import pytest

from privet.env import BASE_DIR

TEMPLATES = BASE_DIR / "templates"
PAGES = [str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html") if "admin" not in path.parts]
# Words of ours, the same for every client.
OURS = ("{{ kind.label }}", "{{ tab.label }}")


def forms(page: str) -> list[str]:
    return re.findall(r"<form\b.*?</form>", (TEMPLATES / page).read_text(), re.DOTALL)


def tag(form: str) -> str:
    return form[: form.index(">")]


@pytest.mark.parametrize("page", PAGES)
def test_every_form_says_where_it_is_sent(page):
    """Without that htmx sends it to where the browser is when it meets the form."""
    assert [form for form in forms(page) if "action=" not in tag(form) and 'method="dialog"' not in tag(form)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("managers/")])
def test_what_is_typed_about_clients_is_not_kept_by_the_browser(page):
    """Otherwise it offers the words for the next client, and keeps them on the disk to bring the page back."""
    typed = [form for form in forms(page) if re.search(r"{{ (form|field)\b|type=\"search\"", form)]

    assert [form for form in typed if 'method="post"' in tag(form) and 'autocomplete="off"' not in tag(form)] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_title_names_nobody(page):
    """The browser's history keeps it."""
    titles = re.findall(r"{% block title %}(.*?){% endblock %}", (TEMPLATES / page).read_text())
    said = [variable for title in titles for variable in re.findall(r"{{.*?}}", title)]

    assert set(said) <= set(OURS)
