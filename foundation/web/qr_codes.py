"""QR codes."""

import segno
from django.utils.safestring import SafeString, mark_safe


def qr_svg(text: str) -> SafeString:
    """Return the code as SVG without a size, dark on light whatever the theme, because most cameras need that."""
    code = segno.make_qr(text, error="m", encoding="utf-8")
    svg = code.svg_inline(scale=5, dark="#000", light="#fff", omitsize=True)
    return mark_safe(svg)  # noqa: S308  SVG from segno
