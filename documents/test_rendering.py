"""Files are the same for the same input, whoever makes them where, and hold nothing from outside."""

import gc
import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread
from xml.etree import ElementTree

import pypdfium2
import pytest
from django.conf import settings
from django.utils.html import escape
from PIL import Image, ImageOps
from pypdf import PdfReader
from pypdf.generic import StreamObject
from weasyprint import CSS, HTML

from contracts import pdf, sample
from documents import pdf_writing, rendering
from documents.pdf_writing import ALPHABET

PAGE = "<html><head><title>t</title></head><body>{}</body></html>"
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="#f00"/></svg>'
ANOTHER_PROCESS = """
import hashlib, django
django.setup()
from contracts import pdf, sample
print(hashlib.sha256(pdf.render_contract(sample.snapshot(3))).hexdigest())
"""


@pytest.fixture
def stylesheet(tmp_path):
    folder = tmp_path / "edition"
    folder.mkdir()
    (folder / "page.css").write_text('html { font: 10pt "PT Serif" }')
    (folder / "square.svg").write_text(SQUARE)
    Image.new("RGB", (9, 9), (255, 0, 0)).save(folder / "square.png")
    (tmp_path / "secret.svg").write_text(SQUARE)
    return folder / "page.css"


def text(file: bytes) -> str:
    return " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(file))


def is_red(file: bytes, page: int = 0) -> bool:
    """Whether something pure red is drawn."""
    picture = pypdfium2.PdfDocument(file)[page].render(scale=1).to_pil().convert("RGB")
    return any(color == (255, 0, 0) for _, color in picture.getcolors(maxcolors=1 << 24))


def fonts(file: bytes) -> set[str]:
    """Names of the embedded fonts without the tag of their subset."""
    found = set()
    for page in PdfReader(BytesIO(file)).pages:
        for font in page["/Resources"]["/Font"].values():
            found.add(font.get_object()["/BaseFont"].split("+")[1])
    return found


def test_same_snapshot_gives_the_same_bytes():
    first = pdf.render_contract(sample.snapshot(3))
    assert pdf.render_contract(sample.snapshot(3)) == first
    assert pdf.render_contract(sample.snapshot(4, device={"title": "漢字 ½"})) != first
    assert pdf.render_contract(sample.snapshot(3)) == first


def test_any_change_of_the_snapshot_changes_the_bytes():
    files = {
        pdf.render_contract(snapshot)
        for snapshot in (
            sample.snapshot(1),
            sample.snapshot(2),
            sample.snapshot(1, number="ИВ-261123-02"),
            sample.snapshot(1, person={"passport_number": "348354"}),
            sample.snapshot(1, tariff={"notes": ""}),
            sample.snapshot(1, company={"bank_account": "40702810000000000001"}),
        )
    }
    assert len(files) == 6


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(seed, tmp_path):
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(settings.BASE_DIR), "TZ": "Asia/Vladivostok"}
    printed = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert printed.strip() == hashlib.sha256(pdf.render_contract(sample.snapshot(3))).hexdigest()


def test_eight_threads_at_once_give_the_right_bytes():
    snapshots = [sample.snapshot(1 + number % 4, number=f"ИВ-261123-{number:02}") for number in range(24)]
    expected = [pdf.render_contract(snapshot) for snapshot in snapshots]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(pdf.render_contract, snapshots)) == expected


def test_documents_that_share_the_font_map_are_made_one_at_a_time(monkeypatch):
    """Pango allows no two threads in one font map; what happens then is up to chance, so the order itself is tested."""
    at_work, most = [], []
    layout = rendering._layout

    def watched(*args):
        at_work.append(args)
        most.append(len(at_work))
        time.sleep(0.02)
        try:
            return layout(*args)
        finally:
            at_work.pop()

    monkeypatch.setattr(rendering, "_layout", watched)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(pdf.render_contract, [sample.snapshot(1)] * 4))
    assert max(most) == 1


def test_only_shipped_fonts_are_used_whatever_the_machine_has(stylesheet):
    stylesheet.write_text('html { font: 10pt "DejaVu Serif", "Times New Roman", monospace }')
    assert fonts(rendering.typeset(PAGE.format("Ёж <b>Ёж</b> 漢"), stylesheet)) <= {
        "PT-Serif", "PT-Serif-Bold", "DejaVu-Sans"
    }  # fmt: skip
    assert fonts(pdf.render_contract(sample.snapshot())) == {"PT-Serif", "PT-Serif-Bold"}


def test_fonts_are_embedded_as_subsets():
    assert len(pdf.render_contract(sample.snapshot())) < 60_000


def font_files(file: bytes) -> list[bytes]:
    return [stream.get_data() for stream in streams(file) if "/Length1" in stream]


def streams(file: bytes) -> list:
    reader = PdfReader(BytesIO(file))
    objects = [reader.get_object(number) for number in range(1, reader.trailer["/Size"])]
    return [each for each in objects if isinstance(each, StreamObject)]


def test_documents_in_russian_embed_the_same_font(stylesheet):
    one, another = (font_files(rendering.typeset(PAGE.format(words), stylesheet)) for words in ("Ёж", "Съезд № 5"))
    assert len(one) == 1
    assert one == another


def test_other_letters_do_not_stay_in_the_fonts_of_later_documents(stylesheet):
    before, with_others, after = (
        font_files(rendering.typeset(PAGE.format(words), stylesheet)) for words in ("Ёж", "Ёж ђ", "Ёж")
    )
    assert before == after != with_others


def test_the_first_document_of_a_process_leaves_nothing_in_the_fonts_of_others(monkeypatch):
    """Also when it has a sign that no font has."""
    files = []
    for title in ("漢 Ж", "Ж"):
        monkeypatch.setattr(pdf_writing, "_cuts", {})
        pdf.render_contract(sample.snapshot(1, device={"title": title}))
        files.append(pdf.render_contract(sample.snapshot(1)))
    assert files[0] == files[1]


def test_every_stream_is_compressed():
    for stream in streams(pdf.render_contract(sample.snapshot())):
        assert stream["/Filter"] == "/FlateDecode"


MARGIN_BOXES = """
@page {
  @top-left { content: "Ряд" } @top-center { content: "Длинный текст, который не помещается в одну строку" }
  @left-bottom { content: "Низ" } @bottom-right-corner { content: counter(page) } @right-middle { content: "Бок" }
}
@page :first { @bottom-center { content: "Первая" } }
"""
NOTES = """
i { float: footnote } i::footnote-call { font-weight: bold } li::marker { font-weight: bold }
@page { @footnote { border-top: 1pt solid } }
"""


@pytest.mark.parametrize(
    ("body", "styles"),
    [
        (f"{escape(ALPHABET)}<p><b>{escape(ALPHABET)}</b>", ""),
        ("ђѓ <b>ј½</b> ⅓ Ω", ""),
        ("а<p style='break-before: page'>б", MARGIN_BOXES),
        ("<p>Слово<i>Сноска</i> и другое<i>Ещё одна</i><q>цитата</q><ul><li>Пункт</ul>", ""),
        ("<p>Слово<i>Сноска</i> и другое<i>Ещё одна</i><q>цитата</q><ul><li>Пункт</ul>", NOTES),
    ],
    ids=["alphabet", "other signs", "margin boxes", "marks", "notes"],
)
def test_pages_look_as_weasyprint_alone_makes_them(stylesheet, body, styles):
    stylesheet.write_text(f'html {{ font: 10pt "PT Serif" }} {styles}')
    rendering.typeset(PAGE.format("а"), stylesheet)
    alone = HTML(string=PAGE.format(body)).write_pdf(
        stylesheets=[CSS(filename=stylesheet)], font_config=rendering._fonts()
    )
    expected, got = pictures(alone), pictures(rendering.typeset(PAGE.format(body), stylesheet))
    assert [page.getbbox() for page in expected].count(None) == 0
    assert [page.tobytes() for page in got] == [page.tobytes() for page in expected]


def pictures(file: bytes) -> list[Image.Image]:
    """Each page, white on black."""
    return [ImageOps.invert(page.render(scale=1.5).to_pil().convert("L")) for page in pypdfium2.PdfDocument(file)]


@pytest.mark.parametrize("name", ["contract", "terms"])
def test_the_newest_edition_is_well_formed_and_looks_the_same_read_as_html(name):
    version = pdf.current_version()
    page = pdf._html(version, name, pdf._values(sample.snapshot(60)))
    assert ElementTree.fromstring(page).tag == "html"  # noqa: S314  our own template

    as_html = page.replace('<meta charset="utf-8" />', '<meta charset="utf-8">')
    assert as_html != page
    stylesheet = pdf.FOLDER / version / "contract.css"
    assert rendering.typeset(as_html, stylesheet) == rendering.typeset(page, stylesheet)


def test_pictures_of_the_own_folder_are_drawn(stylesheet):
    assert is_red(rendering.typeset(PAGE.format('<img src="square.svg">'), stylesheet))


@pytest.mark.parametrize("address", ["../secret.svg", "{folder}/secret.svg", "file://{folder}/secret.svg"])
def test_files_elsewhere_are_refused(stylesheet, address):
    address = address.format(folder=stylesheet.parent.parent)
    assert not is_red(rendering.typeset(PAGE.format(f'<img src="{address}">'), stylesheet))
    with pytest.raises(ValueError, match="may not use"):
        rendering.OwnFolder(stylesheet.parent).fetch(stylesheet.parent.parent.joinpath("secret.svg").as_uri())


@pytest.mark.parametrize("address", ["http://127.0.0.1/x", "https://x/", "ftp://x/", "data:text/css,x", "file://x/etc"])
def test_other_addresses_are_refused(stylesheet, address):
    with pytest.raises(ValueError, match="may not use"):
        rendering.OwnFolder(stylesheet.parent).fetch(address)


def test_a_document_asks_the_network_for_nothing(stylesheet):
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        body = (
            f'<link rel="stylesheet" href="{address}/a.css"><style>@import "{address}/b.css";'
            f"@font-face {{ font-family: F; src: url({address}/c.ttf) }} p {{ font-family: F;"
            f' background: url({address}/d.png) }}</style><p>х</p><img src="{address}/e.png">'
            f'<object data="{address}/f.svg"></object><embed src="{address}/g.svg">'
        )
        assert "х" in text(rendering.typeset(PAGE.format(body), stylesheet))
        server.shutdown()
    assert asked == []


def test_an_annex_follows_the_document_under_its_headers_and_numbers(stylesheet):
    stylesheet.write_text(
        '@page { @bottom-right { content: "стр. " counter(page) " из " counter(pages) } }'
        "@page annex { @bottom-right { content: none } } .annex { page: annex }"
    )
    annex = PAGE.format('<div class="annex">Первая<p style="break-before: page">Вторая</p></div>')
    for number in range(3):  # the first draws the annex, the others copy it
        file = rendering.typeset(PAGE.format(f"Документ {number}"), stylesheet, annex)
        texts = [" ".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(file)]
        assert sorted(texts[0].split()) == sorted(f"Документ {number} стр. 1 из 3".split())
        assert sorted(texts[1].split()) == sorted("Первая стр. 2 из 3".split())
        assert sorted(texts[2].split()) == sorted("Вторая стр. 3 из 3".split())


@pytest.mark.parametrize(
    "annex",
    [
        '<img src="square.png"> х',
        '<img src="square.svg"> х',
        '<b style="color: red">█</b>',
        '<p style="color:red">█</p>',
    ],
)
def test_an_annex_is_drawn_whole_in_every_document(stylesheet, annex):
    """Also when it has pictures, or a font that the document itself has not got."""
    files = [rendering.typeset(PAGE.format("Документ"), stylesheet, PAGE.format(annex)) for _ in range(3)]
    assert is_red(files[0], page=1)
    assert files[1] == files[2] == files[0]


def test_garbage_is_collected_again_after_a_document_even_if_it_failed(stylesheet, monkeypatch):
    during = []

    def fail(*_):
        during.append(gc.isenabled())
        raise MemoryError

    rendering.typeset(PAGE.format("а"), stylesheet)
    assert gc.isenabled()

    monkeypatch.setattr(rendering, "_layout", fail)
    with pytest.raises(MemoryError):
        rendering.typeset(PAGE.format("а"), stylesheet)
    assert during == [False]
    assert gc.isenabled()
