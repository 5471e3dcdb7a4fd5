"""Pictures: uploading, describing, and serving them through the border."""

from typing import Any

import msgspec
from litestar import Request, get
from litestar.response import Response

from domicile.errors import InvalidInput, NotFound
from domicile.ids import parse_member_id, parse_site_name
from domicile.running import Domicile
from domicile.web.bodies import Upload
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.client_api.pages import shaper
from domicile.web.client_api.shapes import file_claim


class UploadForm(msgspec.Struct):
    """`focus` is read and not kept: the answer says nothing of it."""

    file: Upload | None = None
    description: str | None = None
    focus: str | None = None


class DescriptionForm(msgspec.Struct):
    description: str | None = None
    focus: str | None = None


@endpoint("POST", "/api/v2/media", scope="write:media", body=UploadForm, upload=True)
async def upload(call: Call, body: UploadForm) -> Reply:
    """Upload a picture for a post; it is ready at once."""
    return await _upload(call, body)


@endpoint("POST", "/api/v1/media", scope="write:media", body=UploadForm, upload=True)
async def upload_v1(call: Call, body: UploadForm) -> Reply:
    """The same, as older clients ask."""
    return await _upload(call, body)


@endpoint("GET", "/api/v1/media/{id}", scope="write:media")
async def show_upload(call: Call) -> Reply:
    """One's own upload."""
    picture = await call.domicile.media.show(call.member, call.number())
    return Reply((await shaper(call)).media(call.member, picture))


@endpoint("PUT", "/api/v1/media/{id}", scope="write:media", body=DescriptionForm, upload=True)
async def describe_upload(call: Call, body: DescriptionForm) -> Reply:
    """Say what a picture shows."""
    number = call.number()
    if body.description is None:
        picture = await call.domicile.media.show(call.member, number)
    else:
        picture = await call.domicile.media.describe(call.member, number, body.description)
    return Reply((await shaper(call)).media(call.member, picture))


@get("/media/{site:str}/{member:str}/{digest:str}/{signature:str}", include_in_schema=False)
async def serve_file(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A file, for readers at the site that signed its address; kept by nobody on the way."""
    domicile: Domicile = request.app.state.domicile
    asked = request.path_params
    at, owner, digest = parse_site_name(asked["site"]), parse_member_id(asked["member"]), asked["digest"]
    if at is None or owner is None or not domicile.access.signed(file_claim(at, owner, digest), asked["signature"]):
        raise NotFound("not an address that we signed")
    content, kind = await domicile.media.fetch(owner, digest, at=at)
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": "inline"}
    return Response(content, media_type=kind, headers=headers)


async def _upload(call: Call, body: UploadForm) -> Reply:
    if body.file is None or not body.file.content:
        raise InvalidInput("Validation failed: File can't be blank")
    picture = await call.domicile.media.upload(call.member, body.file.content, body.description or "")
    return Reply((await shaper(call)).media(call.member, picture))


HANDLERS = [upload, upload_v1, show_upload, describe_upload, serve_file]
