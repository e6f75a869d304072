"""The contract as HTML for a page: the same text as the PDF, and nothing but text."""

import html
import re
from html.parser import HTMLParser

import pytest
from django.template import TemplateDoesNotExist
from django.utils.safestring import SafeString

from contracts import pdf, sample
from contracts.test_pdf import text, unspaced

FOOTER = r"Договор № \S+ от \S+, стр\. \d+ из \d+"
TAGS = {"h1", "h2", "p", "b", "br", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"class", "colspan", "data-footer"}
WITH_BODY = [version for version in pdf.versions() if int(version[1:]) >= 3]


class Elements(HTMLParser):
    def __init__(self, content: str):
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}


def words(content: str) -> str:
    """Return the text of HTML without markup and whitespace."""
    return unspaced(html.unescape(re.sub(r"<[^>]+>", " ", content)))


@pytest.mark.parametrize("version", WITH_BODY)
def test_editions_from_v3_on_have_the_html(version):
    assert "7.3." in pdf.contract_html(sample.sample_snapshot(1, template_version=version))


def test_newest_edition_has_the_html():
    assert pdf.current_version() in WITH_BODY


@pytest.mark.parametrize("version", WITH_BODY)
def test_html_has_the_text_of_the_pdf(version):
    snapshot = sample.sample_snapshot(5, template_version=version)

    printed = re.sub(FOOTER, "", text(pdf.render_contract(snapshot)))

    assert words(pdf.contract_html(snapshot)) == unspaced(printed)


@pytest.mark.parametrize("version", WITH_BODY)
@pytest.mark.parametrize(("document", "name"), [("contract", "body"), ("terms", "terms-body")])
def test_pdf_is_made_of_the_same_files(version, document, name):
    content = (pdf.FOLDER / version / f"{document}.html").read_text()
    body = re.search(r"<body[^>]*>(.*)</body>", content, re.DOTALL)[1]

    assert body.strip() == f'{{% include "./{name}.html" %}}'


def test_html_keeps_numbers_with_their_words():
    assert "Приложение №\u00a01 к Договору" in pdf.contract_html(sample.sample_snapshot())


def test_values_are_escaped():
    hostile = "<b onclick=alert(1)>Иван</b>&amp;"
    snapshot = sample.sample_snapshot(1, person={"first_name": hostile}, device={"title": hostile, "specs": hostile})

    content = pdf.contract_html(snapshot)

    assert isinstance(content, SafeString)
    assert hostile not in content
    assert content.count("&lt;b onclick=alert(1)&gt;Иван&lt;/b&gt;&amp;amp;") >= 4
    assert words(content).count(unspaced(hostile)) >= 4


@pytest.mark.parametrize("version", WITH_BODY)
@pytest.mark.parametrize("description", ["", "Шумит. " * 200])
def test_html_has_only_text_elements_and_no_styles_or_scripts(version, description):
    """The page's Content-Security-Policy allows neither, and ids could repeat those of the page."""
    snapshot = sample.sample_snapshot(3, template_version=version, device={"description": description})
    elements = Elements(pdf.contract_html(snapshot))

    assert elements.tags <= TAGS
    assert elements.attributes <= ATTRIBUTES


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_editions_have_no_html(version):
    with pytest.raises(TemplateDoesNotExist):
        pdf.contract_html(sample.sample_snapshot(1, template_version=version))
