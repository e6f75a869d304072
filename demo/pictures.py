"""Drawn pictures of devices and of a passport page, used instead of photos."""

import io
from random import Random

from PIL import Image, ImageDraw

SIZE = (640, 480)
WALLS = ["#e8e2d6", "#dfe8ee", "#e9efe0", "#f0e4e4", "#e6e3f0"]
BODIES = ["#f7f7f5", "#c9ced3", "#3c4148", "#d8d2c4"]

# Outline of each device in tenths of the picture's width and height: left, top, right, bottom.
OUTLINES = {
    "холодильник": (3.3, 0.8, 6.7, 9.2),
    "телевизор": (1.5, 2.0, 8.5, 7.2),
    "телефон": (3.9, 1.6, 6.1, 8.6),
    "планшет": (2.6, 2.2, 7.4, 8.2),
    "роутер": (2.5, 5.8, 7.5, 7.6),
    "плита": (2.8, 2.0, 7.2, 9.0),
    "варочная панель": (2.2, 4.4, 7.8, 8.0),
    "вытяжка": (2.4, 3.8, 7.6, 5.6),
    "духовка": (2.6, 2.6, 7.4, 8.6),
    "кондиционер": (1.8, 1.6, 8.2, 4.2),
}
SCREENS = ("телевизор", "телефон", "планшет")
BURNERS = ("плита", "варочная панель")


def device(kind: str, random: Random) -> bytes:
    """Return a JPEG of a device of type `kind` in front of a wall."""
    image = Image.new("RGB", SIZE, random.choice(WALLS))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, _y(8.6), *SIZE), fill="#b99a76")
    left, top, right, bottom = box = _box(OUTLINES.get(kind, (3, 3, 7, 8)))
    body = random.choice(BODIES)
    draw.rounded_rectangle(box, radius=14, fill=body, outline="#55595e", width=3)
    if kind in SCREENS:
        draw.rounded_rectangle((left + 12, top + 12, right - 12, bottom - 12), radius=8, fill="#16202c")
        draw.line((left + 30, bottom - 40, left + 110, top + 40), fill="#31506e", width=10)
    elif kind in BURNERS:
        _burners(draw, box)
    elif kind == "роутер":
        for x in (left + 30, right - 30):
            draw.line((x, top, x, top - 150), fill="#3c4148", width=9)
    elif kind == "холодильник":
        draw.line((left, _y(3.4), right, _y(3.4)), fill="#55595e", width=3)
        draw.line((right - 24, _y(4), right - 24, _y(6)), fill="#55595e", width=7)
    elif kind == "духовка":
        draw.rectangle((left + 30, top + 90, right - 30, bottom - 40), fill="#16202c")
        draw.line((left + 40, top + 60, right - 40, top + 60), fill="#55595e", width=8)
    else:
        for y in range(bottom - 40, bottom - 10, 10):
            draw.line((left + 20, y, right - 20, y), fill="#55595e", width=2)
    return _jpeg(image)


def passport(random: Random) -> bytes:
    """Return a JPEG that looks like a passport page without text."""
    image = Image.new("RGB", SIZE, "#6b4a3a")
    draw = ImageDraw.Draw(image)
    draw.rectangle(_box((1, 1, 9, 9)), fill="#f3e6dc", outline="#b98f7d", width=3)
    draw.rectangle(_box((1.5, 2, 3.7, 6.5)), fill="#cfd8dd")
    draw.ellipse(_box((2.1, 2.6, 3.1, 4.2)), fill="#9aa7b0")
    for line in range(8):
        length = 5 + random.random() * 3
        draw.rectangle(_box((4.2, 2 + line * 0.6, length, 2.15 + line * 0.6)), fill="#a9938a")
    return _jpeg(image)


def _burners(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    for x in (left + (right - left) * 0.3, left + (right - left) * 0.7):
        for y in (top + 50, top + 115):
            draw.ellipse((x - 34, y - 20, x + 34, y + 20), fill="#23272c", outline="#8a5a44", width=3)


def _box(tenths: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = tenths
    return int(left * SIZE[0] / 10), _y(top), int(right * SIZE[0] / 10), _y(bottom)


def _y(tenths: float) -> int:
    return int(tenths * SIZE[1] / 10)


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
