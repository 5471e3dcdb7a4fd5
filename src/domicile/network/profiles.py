"""Profiles: one's own in full, others' through the door, and finding people by name."""

from dataclasses import dataclass
from typing import Any

import msgspec

from domicile.border.crossing import Door
from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, SiteName
from domicile.network.formatting import to_html, to_text
from domicile.network.items import PROFILE_COLUMNS, Profile, ProfileItem, read_profile
from domicile.network.media import drop_file, lock_files
from domicile.network.names import clean_text
from domicile.network.questions import ProfilesAsked, SearchAsked
from domicile.network.schema import VISIBILITIES
from domicile.network.views import PROFILES, SEARCH
from domicile.placement.files import file_of
from domicile.placement.routing import Router, SiteReader, SiteWriter

MOST_FIELDS = 4


class Preferences(msgspec.Struct):
    """What only the member sees of their profile: sources, defaults, role, consents, and whose laws claim them."""

    note: str
    fields: list[Any]
    visibility: str
    sensitive: bool
    language: str
    role: str
    discoverable: bool
    show_country: bool
    consents: list[str]
    claims: list[str]
    follow_requests: int


class ProfileChange(msgspec.Struct, kw_only=True):
    """New values; None leaves a thing as it is. `note` and field values are plain text."""

    display_name: str | None = None
    note: str | None = None
    fields: list[tuple[str, str]] | None = None
    avatar: str | None = None
    header: str | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    show_country: bool | None = None
    language: str | None = None
    visibility: str | None = None
    sensitive: bool | None = None


class Own(msgspec.Struct):
    """A member's own profile with their preferences."""

    member: MemberId
    profile: Profile
    preferences: Preferences


@dataclass(frozen=True)
class Profiles:
    """`url` is the network's public address, for the links that a note may hold."""

    router: Router
    door: Door
    url: str

    async def own(self, member: MemberId) -> Own:
        """The member's own profile, from home."""

        async def read(reader: SiteReader) -> Own:
            rows, requests = await reader.fetch_all(
                (
                    f"SELECT a.member_id, {PROFILE_COLUMNS}, a.default_visibility, a.default_sensitive, a.language,"
                    " a.role,"
                    " (SELECT array_agg(DISTINCT kind) FROM consent c WHERE c.member_id = a.member_id"
                    "   AND c.withdrawn_at IS NULL) AS consents,"
                    " (SELECT array_agg(jurisdiction ORDER BY jurisdiction) FROM claim c"
                    "   WHERE c.member_id = a.member_id) AS claims"
                    " FROM account a JOIN tally t USING (member_id) WHERE a.member_id = %s",
                    (member,),
                ),
                ("SELECT count(*) AS n FROM follower WHERE member_id = %s AND state = 'requested'", (member,)),
            )
            row = rows[0]
            profile = read_profile(row, reader.site.country)
            preferences = Preferences(
                note=to_text(row.note),
                fields=[[name, to_text(value)] for name, value in row.fields],
                visibility=VISIBILITIES[row.default_visibility],
                sensitive=row.default_sensitive,
                language=row.language,
                role=row.role,
                discoverable=row.discoverable,
                show_country=row.show_country,
                consents=row.consents or [],
                claims=row.claims or [],
                follow_requests=requests[0].n,
            )
            return Own(member, profile, preferences)

        return await self.router.read(member, read)

    async def change(self, member: MemberId, change: ProfileChange) -> Own:
        """Change the profile. Raises InvalidFields, and then nothing is changed."""
        columns = self._columns(change)

        async def write(writer: SiteWriter) -> set[str]:
            await lock_files(writer)
            before = await _portraits(writer)
            for column, value in columns.items():  # our own names of columns, never a client's
                await writer.execute(f"UPDATE account SET {column} = %s WHERE member_id = %s", (value, member))
            after = await _portraits(writer)
            if gone := [digest for digest in after - before if not file_of(writer.site.media, member, digest).exists()]:
                raise InvalidInput(f"Validation failed: {len(gone)} pictures are gone; upload them again")
            return before - after

        if columns:
            for replaced in await self.router.transact(member, write):
                await drop_file(self.router, member, replaced)
        return await self.own(member)

    async def show(self, member: MemberId, *, at: SiteName, signed_in: bool) -> ProfileItem:
        """A member's profile for a reader at a site. Raises NotFound where it is not public for this reader."""
        found = await self.show_many([member], at=at)
        item = found.get(member)
        if item is None:
            raise NotFound("no such member, or no answer")
        if not signed_in and (item.profile is None or not item.profile.published):
            raise NotFound("a profile that its member has not made public, asked for by a stranger")
        return item

    async def show_many(self, members: list[MemberId], *, at: SiteName) -> dict[MemberId, ProfileItem]:
        """Profiles of several members; whoever is erased or out of reach is absent."""
        homes = await self.router.homes_of(members)
        seen = await self.door.look(at, PROFILES, ProfilesAsked(), homes)
        return {item.member: item for item in seen.items}

    async def search(
        self, text: str, *, at: SiteName, signed_in: bool, limit: int, offset: int = 0
    ) -> tuple[list[ProfileItem], bool]:
        """People whose handle or name begins with `text`, in the whole network; and whether every site answered."""
        text = clean_text("q", text, 100, lines=False).lstrip("@").split("@")[0]
        if not text:
            return [], True
        asked = SearchAsked(text, min(limit + offset, 200), signed_in)
        seen = await self.door.look_everywhere(at, list(self.router.sites), SEARCH, asked)
        shown = [item for item in seen.items if item.profile is not None]
        shown.sort(key=lambda item: _rank(item, text.casefold()))
        return shown[offset : offset + limit], seen.complete

    def _columns(self, change: ProfileChange) -> dict[str, object]:
        plain = {
            name: getattr(change, name)
            for name in ("avatar", "header", "locked", "bot", "discoverable", "show_country")
            if getattr(change, name) is not None
        }
        found: dict[str, object] = dict(plain)
        if change.display_name is not None:
            found["display_name"] = clean_text("display_name", change.display_name, 100, lines=False)
        if change.note is not None:
            found["note"] = to_html(clean_text("note", change.note, 2000), {}, self.url)
        if change.fields is not None:
            found["fields"] = msgspec.json.encode(self._fields(change.fields)).decode()
        if change.language is not None:
            found["language"] = clean_text("language", change.language, 8, lines=False)
        if change.visibility is not None and change.visibility in VISIBILITIES:
            found["default_visibility"] = VISIBILITIES.index(change.visibility)
        if change.sensitive is not None:
            found["default_sensitive"] = change.sensitive
        return found

    def _fields(self, fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
        named = [
            (clean_text("fields", name, 255, lines=False), clean_text("fields", value, 255, lines=False))
            for name, value in fields[:MOST_FIELDS]
        ]
        return [
            (name, to_html(value, {}, self.url).removeprefix("<p>").removesuffix("</p>"))
            for name, value in named
            if name
        ]


async def _portraits(writer: SiteWriter) -> set[str]:
    row = await writer.one("SELECT avatar, header FROM account WHERE member_id = %s", (writer.member,))
    return {digest for digest in (row.avatar, row.header) if digest} if row else set()


def _rank(item: ProfileItem, text: str) -> tuple[bool, int, int]:
    profile = item.profile
    assert profile is not None  # only shown profiles are ranked
    return profile.handle.casefold() != text, -profile.followers, item.member
