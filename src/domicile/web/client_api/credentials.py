"""One's own account: reading and changing it."""

from typing import Literal

import msgspec

from domicile.errors import InvalidInput
from domicile.ids import MemberId
from domicile.network.media import AVATAR, HEADER
from domicile.network.profiles import ProfileChange
from domicile.web.bodies import Upload
from domicile.web.client_api.endpoint import Call, Nothing, Reply, endpoint
from domicile.web.client_api.pages import shaper


class SourceForm(msgspec.Struct):
    privacy: Literal["public", "unlisted", "private"] | None = None
    sensitive: bool | None = None
    language: str | None = None


class FieldForm(msgspec.Struct):
    name: str = ""
    value: str = ""


class CredentialsForm(msgspec.Struct):
    """PATCH update_credentials; `show_country` is ours. Profile fields come as a list or as a mapping by index."""

    display_name: str | None = None
    note: str | None = None
    avatar: Upload | str | None = None
    header: Upload | str | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    source: SourceForm | None = None
    fields_attributes: list[FieldForm] | dict[str, FieldForm] | None = None
    show_country: bool | None = None


@endpoint("GET", "/api/v1/accounts/verify_credentials", scope="profile")
async def verify_credentials(call: Call) -> Reply:
    """One's own account."""
    own = await call.domicile.profiles.own(call.member)
    return Reply((await shaper(call)).own_account(own))


@endpoint("PATCH", "/api/v1/accounts/update_credentials", scope="write:accounts", body=CredentialsForm, upload=True)
async def update_credentials(call: Call, body: CredentialsForm) -> Reply:
    """Change one's own account; what is not sent stays as it is."""
    source = body.source or SourceForm()
    change = ProfileChange(
        display_name=body.display_name,
        note=body.note,
        fields=_fields(body.fields_attributes),
        avatar=await _portrait(call, body.avatar, AVATAR),
        header=await _portrait(call, body.header, HEADER),
        locked=body.locked,
        bot=body.bot,
        discoverable=body.discoverable,
        show_country=body.show_country,
        language=source.language or None,
        visibility=source.privacy,
        sensitive=source.sensitive,
    )
    own = await call.domicile.profiles.change(call.member, change)
    return Reply((await shaper(call)).own_account(own))


@endpoint("DELETE", "/api/v1/profile/avatar", scope="write:accounts", body=Nothing)
async def delete_avatar(call: Call, body: Nothing) -> Reply:
    """Go back to the picture that everybody begins with."""
    return await _without(call, ProfileChange(avatar=""))


@endpoint("DELETE", "/api/v1/profile/header", scope="write:accounts", body=Nothing)
async def delete_header(call: Call, body: Nothing) -> Reply:
    """Go back to the header that everybody begins with."""
    return await _without(call, ProfileChange(header=""))


@endpoint("GET", "/api/v1/preferences", scope="read:accounts")
async def show_preferences(call: Call) -> Reply:
    """What one's posts begin with."""
    kept = (await call.domicile.profiles.own(call.member)).preferences
    return Reply(
        {
            "posting:default:visibility": kept.visibility,
            "posting:default:sensitive": kept.sensitive,
            "posting:default:language": kept.language,
            "reading:expand:media": "default",
            "reading:expand:spoilers": False,
        }
    )


async def _without(call: Call, change: ProfileChange) -> Reply:
    own = await call.domicile.profiles.change(call.member, change)
    return Reply((await shaper(call)).own_account(own))


async def _portrait(call: Call, sent: Upload | str | None, size: tuple[int, int]) -> str | None:
    """The digest of a new portrait, or None for none. Raises InvalidInput for anything but a picture."""
    if sent is None or sent == "":
        return None
    if isinstance(sent, str):
        raise InvalidInput("Validation failed: a picture is sent as a file in multipart/form-data")
    member: MemberId = call.member
    return await call.domicile.media.store_portrait(member, sent.content, size)


def _fields(sent: list[FieldForm] | dict[str, FieldForm] | None) -> list[tuple[str, str]] | None:
    if sent is None:
        return None
    found = sent if isinstance(sent, list) else [sent[key] for key in sorted(sent, key=_place)]
    return [(one.name, one.value) for one in found]


def _place(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isascii() and key.isdigit() and len(key) < 10 else (1 << 40, key)


HANDLERS = [verify_credentials, update_credentials, delete_avatar, delete_header, show_preferences]
