"""CSV downloads in the format that Russian Excel opens: UTF-8 with a byte order mark, semicolons."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

# Spreadsheets treat cells that start with these as formulas (OWASP, CSV Injection).
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


class _EchoWriter:
    def write(self, line: str) -> str:
        return line


def escape_cell(value) -> str:
    """Return the value as text, with an apostrophe if a spreadsheet would treat it as a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_PREFIXES) else text


def csv_response(name: str, header: list[str], rows: Iterable[Iterable]) -> StreamingHttpResponse:
    """Return a streaming download `<name>.csv` of the header and the rows."""
    disposition = content_disposition_header(as_attachment=True, filename=f"{name}.csv")
    return StreamingHttpResponse(
        _lines([header], rows), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": disposition},
    )  # fmt: skip


def _lines(header_rows: Iterable[Iterable], rows: Iterable[Iterable]) -> Iterator[str]:
    writer = csv.writer(_EchoWriter(), delimiter=";")
    yield "\ufeff"
    for row in chain(header_rows, rows):
        yield writer.writerow([escape_cell(value) for value in row])
