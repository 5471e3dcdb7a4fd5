"""Apps, access tokens, authorization codes and web sessions.

Tokens, codes and cookies begin with the member's id, so that any site can route them, and go on with an unguessable
part of which only a hash is stored, at home. An app-only token is signed and not stored. RFC 6749, RFC 7636, RFC 7009.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from domicile.border.activity import LOCATED
from domicile.border.meter import Meter
from domicile.database import Row
from domicile.errors import NotAuthenticated, NotFound, NotPermitted
from domicile.ids import MemberId, SiteName, parse_member_id
from domicile.network.names import clean_text
from domicile.network.standing import Unverified
from domicile.network.suspension import REASON, SUSPENDED, refuse_suspended
from domicile.placement.directory import Directory
from domicile.placement.routing import Clock, Router, SiteWriter

CODE_LIFETIME = timedelta(minutes=10)
SESSION_LIFETIME = timedelta(days=30)

_TOKEN = f"""
SELECT t.client_id, t.scopes, t.created_at, a.unconfirmed, a.unverified,
 {REASON.format(member="t.member_id")} AS suspended,
 {LOCATED.format(member="t.member_id")} AS countries
FROM token t JOIN account a USING (member_id) WHERE t.member_id = %(member)s AND t.digest = %(digest)s
"""
_SESSION = f"""
SELECT a.unverified, {SUSPENDED.format(member="s.member_id")} AS suspended,
 {LOCATED.format(member="s.member_id")} AS countries
FROM session s JOIN account a USING (member_id)
WHERE s.member_id = %(member)s AND s.digest = %(digest)s AND s.expires_at > %(now)s
"""


_APP = "client_id, name, website, redirect_uris, scopes, created_at"


class App(msgspec.Struct):
    """A registered app: a network row."""

    client_id: str
    name: str
    website: str | None
    redirect_uris: list[str]
    scopes: str
    created_at: datetime


class Grant(msgspec.Struct):
    """What a valid access token allows. `member` is None for an app's own token."""

    member: MemberId | None
    client_id: str
    scopes: frozenset[str]
    created_at: datetime


class Visitor(msgspec.Struct):
    """Who is logged in on the pages. `unverified`: a law wants them verified before they use their account."""

    member: MemberId
    unverified: bool
    suspended: bool


class Code(msgspec.Struct):
    """An authorization code as it was given out."""

    member: MemberId
    client_id: str
    redirect_uri: str
    scopes: str
    challenge: str | None
    challenge_method: str | None


@dataclass(frozen=True)
class Access:
    """`key` signs app secrets and app tokens; all sites share it. Who shows a live token or session was active."""

    router: Router
    directory: Directory
    key: bytes
    clock: Clock
    meter: Meter

    async def register_app(self, name: str, redirect_uris: list[str], scopes: str, website: str | None) -> App:
        """Register an app with the whole network."""
        app = App(
            client_id=secrets.token_urlsafe(24),
            name=clean_text("client_name", name, 120, lines=False),
            website=website,
            redirect_uris=redirect_uris,
            scopes=scopes,
            created_at=self.clock(),
        )
        await self.directory.add_app(app.client_id, msgspec.json.encode(app))
        return app

    async def find_app(self, client_id: str) -> App:
        """A registered app, from a site's copy or from the hub. Raises NotFound."""
        for site in self.router.sites.values():
            rows = await site.app.run(f"SELECT {_APP} FROM app WHERE client_id = %s", (client_id,))
            if rows:
                return _app(rows[0])
            break
        registration = await self.directory.find_app(client_id)
        if registration is None:
            raise NotFound("no such app")
        app = msgspec.json.decode(registration, type=App)
        await self._keep(app)
        return app

    async def return_apps(self) -> int:
        """Enter at a hub that was lost the registrations that its sites know of; how many there are."""
        known: dict[str, App] = {}
        for site in self.router.sites.values():
            known |= {row.client_id: _app(row) for row in await site.app.run(f"SELECT {_APP} FROM app")}
        for app in known.values():
            await self.directory.add_app(app.client_id, msgspec.json.encode(app))
        return len(known)

    def app_secret(self, client_id: str) -> str:
        """An app's secret: derived, never stored."""
        return _b64(hmac.digest(self.key, f"app secret {client_id}".encode(), "sha256"))

    def app_token(self, client_id: str, scopes: str) -> str:
        """A token for the app itself: signed, not stored."""
        claim = _b64(msgspec.json.encode([client_id, scopes, int(self.clock().timestamp())]))
        return f"app.{claim}.{self._sign(claim)}"

    async def new_token(self, member: MemberId, client_id: str, scopes: str) -> str:
        """An access token for a member."""
        text, digest = _new_secret(member)

        async def write(writer: SiteWriter) -> None:
            await writer.execute(
                "INSERT INTO token VALUES (%s, %s, %s, %s, %s)", (member, digest, client_id, scopes, writer.now)
            )

        await self.router.transact(member, write)
        return text

    async def check_token(self, text: str, *, unverified: bool = False) -> Grant:
        """What a token allows. Raises NotAuthenticated for anything that is not a live token.

        `unverified`: it will also do where a law wants the member verified before the account can be used.
        """
        if text.startswith("app."):
            return self._check_app_token(text)
        grant, found, site = await self._find(text)
        if found.unconfirmed:
            raise NotPermitted("not confirmed yet", "Your login is missing a confirmed e-mail address")
        if found.suspended is not None:
            raise refuse_suspended(found.suspended)
        if found.unverified and not unverified:
            raise Unverified("not verified yet", "Your login is missing a verification that a law asks for")
        assert grant.member is not None  # not an app's own token
        self.meter.count(site, grant.member, found.countries)
        return grant

    async def find_grant(self, text: str) -> Grant:
        """What a token was given for, to be given back, by whoever may use it no longer. Raises NotAuthenticated."""
        if text.startswith("app."):
            return self._check_app_token(text)
        grant, _, _ = await self._find(text)
        return grant

    async def _find(self, text: str) -> tuple[Grant, Row, SiteName]:
        member, digest = _parse_secret(text)
        try:
            snapshot = await self.router.snapshot(member, _TOKEN, {"member": member, "digest": digest})
            (found,) = snapshot.rows
        except (NotFound, ValueError):
            raise NotAuthenticated("no such token") from None
        grant = Grant(member, found.client_id, frozenset(found.scopes.split()), found.created_at)
        return grant, found, snapshot.site

    async def revoke_token(self, text: str) -> None:
        """Forget a token; an unknown one is no error (RFC 7009 section 2.2)."""
        member, digest = _parse_secret(text)

        async def write(writer: SiteWriter) -> None:
            await writer.execute("DELETE FROM token WHERE member_id = %s AND digest = %s", (member, digest))

        await self.router.transact(member, write)

    async def new_code(self, code: Code) -> str:
        """An authorization code, good once and for ten minutes."""
        text, digest = _new_secret(code.member)

        async def write(writer: SiteWriter) -> None:
            await writer.execute(
                "DELETE FROM authorization_code WHERE member_id = %s AND expires_at < %s", (code.member, writer.now)
            )
            await writer.execute(
                "INSERT INTO authorization_code VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL)",
                (
                    code.member,
                    digest,
                    code.client_id,
                    code.redirect_uri,
                    code.scopes,
                    code.challenge,
                    code.challenge_method,
                    writer.now + CODE_LIFETIME,
                ),
            )

        await self.router.transact(code.member, write)
        return text

    async def take_code(self, text: str) -> Code | None:
        """The code's grant, once; used again, the tokens it gave are revoked (RFC 6749 section 4.1.2)."""
        try:
            member, digest = _parse_secret(text)
        except NotAuthenticated:
            return None

        async def write(writer: SiteWriter) -> Code | None:
            row = await writer.one(
                "SELECT * FROM authorization_code WHERE member_id = %s AND digest = %s FOR UPDATE", (member, digest)
            )
            if row is None or row.expires_at < writer.now:
                return None
            if row.used_at is not None:
                await writer.execute(
                    "DELETE FROM token WHERE member_id = %s AND client_id = %s AND created_at >= %s",
                    (member, row.client_id, row.used_at),
                )
                return None
            await writer.execute(
                "UPDATE authorization_code SET used_at = %s WHERE member_id = %s AND digest = %s",
                (writer.now, member, digest),
            )
            return Code(member, row.client_id, row.redirect_uri, row.scopes, row.challenge, row.challenge_method)

        try:
            return await self.router.transact(member, write)
        except NotFound:
            return None

    async def open_session(self, member: MemberId) -> str:
        """A web log-in; the text goes into a cookie."""
        text, digest = _new_secret(member)

        async def write(writer: SiteWriter) -> None:
            await writer.execute("DELETE FROM session WHERE member_id = %s AND expires_at < %s", (member, writer.now))
            await writer.execute(
                "INSERT INTO session VALUES (%s, %s, %s, %s)",
                (member, digest, writer.now, writer.now + SESSION_LIFETIME),
            )

        await self.router.transact(member, write)
        return text

    async def check_session(self, text: str) -> Visitor | None:
        """Who is logged in with this cookie, or None."""
        try:
            member, digest = _parse_secret(text)
        except NotAuthenticated:
            return None
        asked = {"member": member, "digest": digest, "now": self.clock()}
        try:
            snapshot = await self.router.snapshot(member, _SESSION, asked)
        except NotFound:
            return None
        for found in snapshot.rows:
            self.meter.count(snapshot.site, member, found.countries)
            return Visitor(member, found.unverified, found.suspended)
        return None

    async def close_session(self, text: str) -> None:
        try:
            member, digest = _parse_secret(text)
        except NotAuthenticated:
            return

        async def write(writer: SiteWriter) -> None:
            await writer.execute("DELETE FROM session WHERE member_id = %s AND digest = %s", (member, digest))

        await self.router.transact(member, write)

    async def end_others(self, text: str) -> int:
        """Log a member out everywhere but where this session or token is; how many log-ins ended."""
        member, digest = _parse_secret(text)

        async def write(writer: SiteWriter) -> int:
            ended = 0
            for table in ("authorization_code", "token", "session"):
                query = f"DELETE FROM {table} WHERE member_id = %s AND digest <> %s"
                ended += await writer.execute(query, (member, digest))
            return ended

        return await self.router.transact(member, write)

    def sign(self, text: str) -> str:
        """A signature for a page's own forms (CSRF)."""
        return self._sign(text)

    def signed(self, text: str, signature: str) -> bool:
        return hmac.compare_digest(self._sign(text).encode(), signature.encode())

    def _check_app_token(self, text: str) -> Grant:
        _, claim, signature = ([*text.split("."), "", ""])[:3]
        if not self.signed(claim, signature):
            raise NotAuthenticated("an app token with a wrong signature")
        client_id, scopes, created = msgspec.json.decode(_unb64(claim), type=tuple[str, str, int])
        return Grant(None, client_id, frozenset(scopes.split()), datetime.fromtimestamp(created, self.clock().tzinfo))

    def _sign(self, text: str) -> str:
        return _b64(hmac.digest(self.key, f"domicile {text}".encode(), "sha256"))

    async def _keep(self, app: App) -> None:
        for site in self.router.sites.values():
            await site.app.run(
                "INSERT INTO app VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (app.client_id, app.name, app.website, app.redirect_uris, app.scopes, app.created_at),
            )


def _new_secret(member: MemberId) -> tuple[str, bytes]:
    text = f"{member}.{secrets.token_urlsafe(32)}"
    return text, hashlib.sha256(text.encode()).digest()


def _parse_secret(text: str) -> tuple[MemberId, bytes]:
    member = parse_member_id(text.partition(".")[0]) if len(text) < 200 else None
    if member is None:
        raise NotAuthenticated("not one of our tokens")
    return member, hashlib.sha256(text.encode()).digest()


def _app(row: Row) -> App:
    return App(row.client_id, row.name, row.website, row.redirect_uris, row.scopes, row.created_at)


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
