"""The same input gives the same bytes, in every process and thread, and nothing is loaded from elsewhere."""

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread

import pypdfium2
import pytest
from django.conf import settings
from django.utils.html import escape
from PIL import Image, ImageOps
from pypdf import PdfReader
from pypdf.generic import StreamObject
from weasyprint import CSS, HTML

from contracts import pdf, sample
from documents import rendering

PAGE = "<html><head><title>t</title></head><body>{}</body></html>"
LETTERS = "".join(map(chr, range(0x20, 0x7F))) + "ЁАБВГДЕЖЗИЙЯабвгдежзийяё\u00a0§°±²³·×½«»\u2011–—‘’“”„•…№₽"
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="#f00"/></svg>'
ANOTHER_PROCESS = """
import hashlib, django
django.setup()
from contracts import pdf, sample
print(hashlib.sha256(pdf.render_contract(sample.sample_snapshot(3))).hexdigest())
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
    """Whether a page has a pure red pixel."""
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
    first = pdf.render_contract(sample.sample_snapshot(3))
    assert pdf.render_contract(sample.sample_snapshot(3)) == first
    assert pdf.render_contract(sample.sample_snapshot(4, device={"title": "漢字 ½"})) != first
    assert pdf.render_contract(sample.sample_snapshot(3)) == first


def test_any_change_of_the_snapshot_changes_the_bytes():
    files = {
        pdf.render_contract(snapshot)
        for snapshot in (
            sample.sample_snapshot(1),
            sample.sample_snapshot(2),
            sample.sample_snapshot(1, number="ИВ-261123-02"),
            sample.sample_snapshot(1, person={"passport_number": "348354"}),
            sample.sample_snapshot(1, tariff={"notes": ""}),
            sample.sample_snapshot(1, company={"bank_account": "40702810000000000001"}),
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
    assert printed.strip() == hashlib.sha256(pdf.render_contract(sample.sample_snapshot(3))).hexdigest()


def test_eight_threads_at_once_give_the_right_bytes():
    snapshots = [sample.sample_snapshot(1 + number % 4, number=f"ИВ-261123-{number:02}") for number in range(24)]
    expected = [pdf.render_contract(snapshot) for snapshot in snapshots]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(pdf.render_contract, snapshots)) == expected


def test_documents_are_rendered_one_at_a_time(monkeypatch):
    """Two threads in Pango's font map would fail only sometimes, so the order itself is tested."""
    running, counts = [], []
    lay_out = rendering._lay_out

    def counted(*args):
        running.append(args)
        counts.append(len(running))
        time.sleep(0.02)
        try:
            return lay_out(*args)
        finally:
            running.pop()

    monkeypatch.setattr(rendering, "_lay_out", counted)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(pdf.render_contract, [sample.sample_snapshot(1)] * 4))
    assert max(counts) == 1


def test_only_fonts_of_the_folder_are_used(stylesheet):
    stylesheet.write_text('html { font: 10pt "DejaVu Serif", "Times New Roman", monospace }')
    assert fonts(rendering.render_pdf(PAGE.format("Ёж <b>Ёж</b> 漢"), stylesheet)) <= {
        "PT-Serif", "PT-Serif-Bold", "DejaVu-Sans"
    }  # fmt: skip
    assert fonts(pdf.render_contract(sample.sample_snapshot())) == {"PT-Serif", "PT-Serif-Bold"}


def test_fonts_are_embedded_as_subsets():
    assert len(pdf.render_contract(sample.sample_snapshot())) < 60_000


def streams(file: bytes) -> list:
    reader = PdfReader(BytesIO(file))
    objects = [reader.get_object(number) for number in range(1, reader.trailer["/Size"])]
    return [each for each in objects if isinstance(each, StreamObject)]


def test_every_stream_is_compressed():
    for stream in streams(pdf.render_contract(sample.sample_snapshot())):
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
        (f"{escape(LETTERS)}<p><b>{escape(LETTERS)}</b>", ""),
        ("ђѓ <b>ј½</b> ⅓ Ω", ""),
        ("а<p style='break-before: page'>б", MARGIN_BOXES),
        ("<p>Слово<i>Сноска</i> и другое<i>Ещё одна</i><q>цитата</q><ul><li>Пункт</ul>", ""),
        ("<p>Слово<i>Сноска</i> и другое<i>Ещё одна</i><q>цитата</q><ul><li>Пункт</ul>", NOTES),
    ],
    ids=["alphabet", "other signs", "margin boxes", "marks", "notes"],
)
def test_pages_equal_those_of_plain_weasyprint(stylesheet, body, styles):
    stylesheet.write_text(f'html {{ font: 10pt "PT Serif" }} {styles}')
    rendering.render_pdf(PAGE.format("а"), stylesheet)
    alone = HTML(string=PAGE.format(body)).write_pdf(
        stylesheets=[CSS(filename=stylesheet)], font_config=rendering._font_config()
    )
    expected, got = pictures(alone), pictures(rendering.render_pdf(PAGE.format(body), stylesheet))
    assert [page.getbbox() for page in expected].count(None) == 0
    assert [page.tobytes() for page in got] == [page.tobytes() for page in expected]


def pictures(file: bytes) -> list[Image.Image]:
    """Each page, white on black."""
    return [ImageOps.invert(page.render(scale=1.5).to_pil().convert("L")) for page in pypdfium2.PdfDocument(file)]


def test_images_of_the_folder_are_drawn(stylesheet):
    assert is_red(rendering.render_pdf(PAGE.format('<img src="square.svg">'), stylesheet))


@pytest.mark.parametrize("url", ["../secret.svg", "{folder}/secret.svg", "file://{folder}/secret.svg"])
def test_files_of_other_folders_are_not_loaded(stylesheet, url):
    url = url.format(folder=stylesheet.parent.parent)
    assert not is_red(rendering.render_pdf(PAGE.format(f'<img src="{url}">'), stylesheet))
    with pytest.raises(ValueError, match="may not use"):
        rendering.FolderURLFetcher(stylesheet.parent).fetch(stylesheet.parent.parent.joinpath("secret.svg").as_uri())


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "https://x/", "ftp://x/", "data:text/css,x", "file://x/etc"])
def test_other_urls_are_not_loaded(stylesheet, url):
    with pytest.raises(ValueError, match="may not use"):
        rendering.FolderURLFetcher(stylesheet.parent).fetch(url)


def test_rendering_makes_no_network_requests(stylesheet):
    requests = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        body = (
            f'<link rel="stylesheet" href="{url}/a.css"><style>@import "{url}/b.css";'
            f"@font-face {{ font-family: F; src: url({url}/c.ttf) }} p {{ font-family: F;"
            f' background: url({url}/d.png) }}</style><p>х</p><img src="{url}/e.png">'
            f'<object data="{url}/f.svg"></object><embed src="{url}/g.svg">'
        )
        assert "х" in text(rendering.render_pdf(PAGE.format(body), stylesheet))
        server.shutdown()
    assert requests == []


def test_annex_pages_follow_with_the_headers_and_numbers_of_the_document(stylesheet):
    stylesheet.write_text(
        '@page { @bottom-right { content: "стр. " counter(page) " из " counter(pages) } }'
        "@page annex { @bottom-right { content: none } } .annex { page: annex }"
    )
    annex = PAGE.format('<div class="annex">Первая<p style="break-before: page">Вторая</p></div>')
    for number in range(3):  # the first one draws the annex, the others copy the drawing
        file = rendering.render_pdf(PAGE.format(f"Документ {number}"), stylesheet, annex)
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
def test_annex_is_drawn_completely_in_every_document(stylesheet, annex):
    """Also with images, or with a font that the document itself does not use."""
    files = [rendering.render_pdf(PAGE.format("Документ"), stylesheet, PAGE.format(annex)) for _ in range(3)]
    assert is_red(files[0], page=1)
    assert files[1] == files[2] == files[0]
