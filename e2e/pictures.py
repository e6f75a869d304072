"""Photos as phones take them: 12 megapixels, several megabytes, held sideways, with the place where they were taken."""

import io
from functools import cache

from PIL import Image, ImageDraw

SIZE = (4000, 3000)
SKY, GROUND = (90, 140, 220), (60, 130, 50)
TURNED = 6  # the camera was held upright: a viewer turns the picture by 90 degrees to the right
ORIENTATION, GPS = 0x0112, 0x8825


@cache
def scene() -> Image.Image:
    """Sky above and ground below, with the noise of a small sensor; upright, 3000×4000."""
    picture = Image.new("RGB", SIZE[::-1], SKY)
    ImageDraw.Draw(picture).rectangle([0, SIZE[0] // 2, *SIZE[::-1]], fill=GROUND)
    return Image.blend(picture, Image.effect_noise(SIZE[::-1], 60).convert("RGB"), 0.25)


def exif(orientation: int) -> Image.Exif:
    said = Image.Exif()
    said[ORIENTATION] = orientation
    said.get_ifd(GPS).update({1: "N", 2: (55.0, 45.0, 20.0), 3: "E", 4: (37.0, 37.0, 3.0)})
    return said


@cache
def jpeg() -> bytes:
    """Stored as the sensor lies, 4000×3000, with the turn in EXIF."""
    file = io.BytesIO()
    scene().transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=92, exif=exif(TURNED))
    return file.getvalue()


@cache
def heic() -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(scene().resize((750, 1000))).save(file, quality=60, exif=exif(1).tobytes())
    return file.getvalue()
