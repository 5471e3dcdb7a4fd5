"""The profile of an archive fills what the member has left empty here; what they have chosen here stays.

Whoever let others ask before they could follow still does: old posts for followers are for no more people than before.
"""

from collections.abc import Mapping

from domicile.errors import InvalidInput
from domicile.ids import MemberId
from domicile.network.imports.found import FoundProfile
from domicile.network.media import AVATAR, HEADER, Media
from domicile.network.profiles import MOST_FIELDS, ProfileChange, Profiles

LONGEST_NAME, LONGEST_NOTE, LONGEST_FIELD = 100, 2000, 255


async def fill_profile(
    profiles: Profiles,
    media: Media,
    member: MemberId,
    found: FoundProfile,
    pictures: Mapping[str, bytes | None],
    *,
    dry_run: bool,
) -> list[str]:
    """Which parts of the profile were empty and are filled now."""
    profile = (await profiles.own(member)).profile
    change = ProfileChange()
    if not profile.display_name and found.display_name.strip():
        change.display_name = " ".join(found.display_name.split())[:LONGEST_NAME]
    if not profile.note and found.note.strip():
        change.note = found.note[:LONGEST_NOTE]
    if not profile.fields and found.fields:
        change.fields = [
            (n[:LONGEST_FIELD], " ".join(v.split())[:LONGEST_FIELD]) for n, v in found.fields[:MOST_FIELDS]
        ]
    if found.locked and not profile.locked:
        change.locked = True
    for name, size in (("avatar", AVATAR), ("header", HEADER)):
        content = pictures.get(name)
        if content and getattr(profile, name) is None:
            try:
                digest = "" if dry_run else await media.store_portrait(member, content, size)
            except InvalidInput:
                continue
            setattr(change, name, digest)
    filled = [name for name in _PARTS if getattr(change, name) is not None]
    if filled and not dry_run:
        await profiles.change(member, change)
    return filled


_PARTS = ("display_name", "note", "fields", "avatar", "header", "locked")
