"""Photos as phones take them: 12 megapixels, several megabytes, rotated by EXIF, with the location."""

import io
from functools import cache

from PIL import Image, ImageDraw

SIZE = (4000, 3000)
SKY, GROUND = (90, 140, 220), (60, 130, 50)
ROTATED = 6  # viewers rotate the picture by 90 degrees clockwise
ORIENTATION, GPS = 0x0112, 0x8825


@cache
def scene() -> Image.Image:
    """Return an upright picture, 3000×4000: sky above, ground below, with sensor noise."""
    picture = Image.new("RGB", SIZE[::-1], SKY)
    ImageDraw.Draw(picture).rectangle([0, SIZE[0] // 2, *SIZE[::-1]], fill=GROUND)
    return Image.blend(picture, Image.effect_noise(SIZE[::-1], 60).convert("RGB"), 0.25)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags.get_ifd(GPS).update({1: "N", 2: (55.0, 45.0, 20.0), 3: "E", 4: (37.0, 37.0, 3.0)})
    return tags


@cache
def jpeg() -> bytes:
    """Return a 4000×3000 JPEG with the rotation in EXIF."""
    file = io.BytesIO()
    scene().transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=92, exif=exif(ROTATED))
    return file.getvalue()


@cache
def heic() -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(scene().resize((750, 1000))).save(file, quality=60, exif=exif(1).tobytes())
    return file.getvalue()
