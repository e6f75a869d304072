"""The short way gives what WeasyPrint's own way gives, for each element and property."""

import hashlib
import os
import subprocess
import sys

import pytest
from django.conf import settings
from weasyprint import CSS, HTML, css
from weasyprint.css.properties import INITIAL_VALUES
from weasyprint.layout.page import set_page_type_computed_styles

from contracts import pdf, sample
from documents import pdf_styles

BODY = """
<html lang="ru"><body><h1>Договор</h1><p class="note">Текст <b>жирный <i>и курсив</i></b> <u>черта</u></p>
<div dir="rtl"><p class="logical">Справа</p></div><div class="var"><p>Значение</p></div><ul><li>Пункт</li></ul>
<table><tr><th>Имя</th><td class="float">Сумма</td></tr></table><img src=""><br></body></html>
"""
RULES = """
@page { margin: 2cm; @bottom-right { content: counter(page) } }
html { font: 10pt/1.3 serif; --gap: 3mm }
h1 { margin: 1em auto; string-set: footer attr(class); page: first; letter-spacing: 1px }
p { margin-inline-start: 2em; padding-block-end: 3px; border: 1px solid; text-indent: calc(1em + 5%); widows: 3 }
.note { position: absolute; left: 10%; float: right; color: inherit; margin-left: initial; border-color: unset }
.note b { text-decoration: underline red; font-size: 120%; width: calc(10px + 10%); max-inline-size: 50% }
.logical { margin-inline-end: 4mm; border-inline-start: 2px solid red; direction: rtl; inset-inline-start: 1px }
.var { margin: var(--gap); padding: var(--nothing, 2px); width: var(--nothing); background: red no-repeat }
.float { float: left; display: inline; height: 2rem; border-collapse: collapse; hyphens: auto; tab-size: 3 }
i { display: block; visibility: hidden; all: revert; border-radius: 3px / 10%; outline: 1px dotted }
li::before { content: "— "; font-weight: bolder } li { list-style: square; columns: 2; column-gap: 1em }
"""


def styles(kind: type[css.ComputedStyle], names: list[str], monkeypatch) -> list[list[str]]:
    """All values of all elements, and of the first page with its footer."""
    monkeypatch.setattr(css, "ComputedStyle", kind)
    html, sheet = HTML(string=BODY), CSS(string=RULES)
    style_for = css.get_all_computed_styles(html, user_stylesheets=[sheet])
    page = css.PageSelectorType(side="right", blank=False, first=True, index=0, name="")
    set_page_type_computed_styles(page, html, style_for)
    return [[repr(style[name]) for name in names] for style in style_for.get_computed_styles().values()]


@pytest.mark.parametrize("backwards", [False, True])
def test_every_value_is_what_weasyprint_computes(monkeypatch, backwards):
    names = sorted(INITIAL_VALUES, reverse=backwards)
    (own,) = pdf_styles.Style.__bases__

    expected = styles(own, names, monkeypatch)

    assert len(expected) > 35
    assert styles(pdf_styles.Style, names, monkeypatch) == expected


WITHOUT = """
import hashlib
from privet import pdf_styles
pdf_styles.use = lambda: None
import django
django.setup()
from contracts import pdf, sample
from weasyprint import css
assert css.ComputedStyle is not pdf_styles.Style
print(hashlib.sha256(pdf.render_contract(sample.snapshot(7))).hexdigest())
"""


def test_a_contract_is_the_same_file_without_it(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(settings.BASE_DIR)}
    printed = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip

    assert css.ComputedStyle is pdf_styles.Style
    assert printed.strip() == hashlib.sha256(pdf.render_contract(sample.snapshot(7))).hexdigest()
