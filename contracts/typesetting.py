"""HTML to PDF by WeasyPrint, with the fonts that we ship and nothing else of the machine or the network."""

import os
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

FONTS = Path(__file__).resolve().parent.parent / "templates" / "contracts" / "pdf" / "fonts"

# Pango's font map, which all documents of a process share, must not be used by two threads at once. Waiting costs
# nothing: a document is made of Python code and holds the interpreter anyway.
_lock = threading.Lock()


class OwnFolder(URLFetcher):
    """Gives a template the files that lie in its own folder; every other address is refused."""

    def __init__(self, folder: Path):
        super().__init__(allowed_protocols=["file"], allow_redirects=False)
        self.folder = folder.resolve()

    def fetch(self, url, headers=None):
        parts = urlsplit(url)
        path = Path(url2pathname(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(self.folder):
            raise ValueError(f"A document may not use {url}")
        return super().fetch(path.as_uri(), headers)


def typeset(html: str, stylesheet: Path) -> bytes:
    """The PDF of `html` under `stylesheet`, in whose folder its pictures may lie. The same input gives the same bytes."""
    folder = stylesheet.parent
    with _lock:
        document = HTML(string=html, base_url=str(folder), url_fetcher=_fetcher(folder))
        return document.write_pdf(stylesheets=[_css(stylesheet)], font_config=_fonts())


@cache
def _fetcher(folder: Path) -> OwnFolder:
    return OwnFolder(folder)


@cache
def _css(stylesheet: Path) -> CSS:
    return CSS(filename=stylesheet, font_config=_fonts(), url_fetcher=_fetcher(stylesheet.parent))


@cache
def _fonts() -> FontConfiguration:
    with _environment("FONTCONFIG_FILE", str(FONTS / "fonts.conf")):
        return FontConfiguration()


@contextmanager
def _environment(name: str, value: str):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
