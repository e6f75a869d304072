"""Tables for a spreadsheet: UTF-8 with a byte order mark and semicolons, as Excel in Russian opens them."""

import csv
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

# A cell that begins so is a formula to a spreadsheet (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _EchoWriter:
    def write(self, line: str) -> str:
        return line


def escape_cell(value) -> str:
    """The value as text, with an apostrophe before what a spreadsheet would calculate."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_response(name: str, heading: list[str], rows: Iterable[Iterable]) -> StreamingHttpResponse:
    """The rows as a download, sent as they are read."""
    disposition = content_disposition_header(as_attachment=True, filename=f"{name}.csv")
    return StreamingHttpResponse(
        _lines([heading], rows), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": disposition},
    )  # fmt: skip


def _lines(heading: Iterable[Iterable], rows: Iterable[Iterable]) -> Iterator[str]:
    writer = csv.writer(_EchoWriter(), delimiter=";")
    yield "\ufeff"
    for part in (heading, rows):
        for row in part:
            yield writer.writerow([escape_cell(value) for value in row])
