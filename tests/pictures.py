"""Pictures for tests: small, valid, and told apart by a shade."""

import io

from PIL import Image


def picture(shade: int) -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 20, 30)).save(out, "PNG")
    return out.getvalue()
