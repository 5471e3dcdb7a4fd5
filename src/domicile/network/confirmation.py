"""Confirmation of an e-mail address by a link, which is signed and not stored. The address leaves home by mail only."""

import asyncio
import smtplib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from domicile.errors import InvalidInput, Unavailable
from domicile.ids import Country, MemberId, parse_member_id, parse_number
from domicile.network.access import Access
from domicile.network.forms import SignUp
from domicile.network.members import Members
from domicile.placement.routing import Router, SiteReader, SiteWriter

LIFETIME = timedelta(days=2)
PATIENCE_S = 15


@dataclass(frozen=True, repr=False)
class Post:
    """The mail server that takes our letters. Without `user` nobody logs in to it."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = None
    starttls: bool = False

    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Hand a letter to the mail server. Raises Unavailable."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self.sender, recipient, subject
        letter.set_content(text)
        try:
            await asyncio.to_thread(self._send, letter)
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"the mail server did not take a letter ({type(error).__name__})") from None

    def _send(self, letter: EmailMessage) -> None:
        with smtplib.SMTP(self.host, self.port, timeout=PATIENCE_S) as server:
            if self.starttls:
                server.starttls()
            if self.user is not None:
                server.login(self.user, self.password or "")
            server.send_message(letter)


@dataclass(frozen=True)
class Confirmation:
    """Sign-up with or without it: `post` is None where addresses need no confirmation."""

    router: Router
    members: Members
    access: Access
    post: Post | None
    title: str
    url: str

    @property
    def required(self) -> bool:
        return self.post is not None

    async def sign_up(self, form: SignUp, address_country: Country | None = None) -> MemberId:
        """Make a member; if confirmation is required they can do nothing until the link in the letter is opened."""
        form.unconfirmed = self.required
        member = await self.members.sign_up(form, address_country)
        if self.required:
            await self.send_link(member)
        return member

    async def send_link(self, member: MemberId) -> None:
        """Send the letter (again). Raises Unavailable when the mail server does not take it."""
        if self.post is None:
            return
        address = await self.router.read(member, lambda reader: _find_address(reader, member))
        if address is not None:
            link = f"{self.url}/confirm/{self._sign(member, self.members.clock() + LIFETIME)}"
            text = f"Open this link to confirm that this address is yours:\n\n{link}\n\nIt is good for two days."
            await self.post.send(address, f"{self.title}: confirm your e-mail address", text)

    async def confirm(self, token: str) -> MemberId:
        """Take a link. Raises InvalidInput for one that is not ours or has run out."""
        claim, _, signature = token.rpartition(".")
        who, _, until = claim.partition(".")
        member, expires = parse_member_id(who), parse_number(until)
        if member is None or expires is None or not self.access.signed(f"confirm {claim}", signature):
            raise InvalidInput("a confirmation link that is not ours", "This link is not one of ours.")
        if expires < self.members.clock().timestamp():
            raise InvalidInput(
                "a confirmation link that has run out", "This link has run out; log in to get a new one."
            )

        async def write(writer: SiteWriter) -> None:
            await writer.execute("UPDATE account SET unconfirmed = false WHERE member_id = %s", (member,))

        await self.router.transact(member, write)
        return member

    def _sign(self, member: MemberId, until: datetime) -> str:
        claim = f"{member}.{int(until.astimezone(UTC).timestamp())}"
        return f"{claim}.{self.access.sign(f'confirm {claim}')}"


async def _find_address(reader: SiteReader, member: MemberId) -> str | None:
    row = await reader.one("SELECT email FROM vault.read_credential(%s)", ([member],))
    if row is None or row.email is None:
        return None
    return (await reader.data_keys([member]))[member].open_text("credential.email", bytes(row.email))
