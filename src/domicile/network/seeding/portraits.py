"""Small abstract pictures, drawn, for some of the made-up people."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from domicile.network.seeding.people import Person
from domicile.placement.files import file_of

DIFFERENT = 40
SHARE = 0.3
SIZE = 200
Portraits = dict[str, bytes]


def draw_portraits(chance: Random) -> Portraits:
    """PNG pictures by their digest."""
    drawn = (_draw(chance) for _ in range(DIFFERENT))
    return {hashlib.sha256(picture).hexdigest(): picture for picture in drawn}


def hang_portraits(people: Iterable[Person], portraits: Portraits, chance: Random) -> None:
    """Give some of the people one, and everybody who shows all."""
    digests = sorted(portraits)
    for person in people:
        if person.password_hash is not None or chance.random() < SHARE:
            person.portrait = chance.choice(digests)


def store_portraits(root: Path, people: Iterable[Person], portraits: Portraits) -> None:
    """Write the files where the site's media lie."""
    for person in people:
        if person.portrait is not None:
            file = file_of(root, person.member, person.portrait)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_bytes(portraits[person.portrait])


def _draw(chance: Random) -> bytes:
    hue = chance.randrange(360)
    picture = Image.new("RGB", (SIZE, SIZE), f"hsl({hue}, 45%, 82%)")
    brush = ImageDraw.Draw(picture)
    for step in range(chance.randint(3, 6)):
        x, y, size = (chance.randrange(-20, SIZE - 40), chance.randrange(-20, SIZE - 40), chance.randrange(50, 150))
        colour = f"hsl({(hue + 35 * step + 20) % 360}, 55%, {chance.randint(35, 65)}%)"
        draw = chance.choice((brush.ellipse, brush.rectangle))
        draw((x, y, x + size, y + size), fill=colour)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
