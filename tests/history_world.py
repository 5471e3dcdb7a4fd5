"""A real network and the model of it, side by side: everything is done to both, once the network has acknowledged it.

Whoever is refused because a server was killed tries again, as an app does, until the network has answered.
"""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from domicile.errors import Conflict, InvalidFields, NotAuthenticated, NotFound, Unavailable
from domicile.ids import MemberId, PostId, SiteName, country_of_site
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.running import Domicile
from history_model import PUBLIC, Backup, Model, Person, Written
from network_at import SetClock, make_member
from pictures import picture
from relocating import everybody_answers, kill_server, resume_all

T = TypeVar("T")

PATIENCE_S = 60.0
LATER = timedelta(minutes=11)
"""By then every parcel that waits is due."""
CONSENTS = ("publication", "abroad")
"""What makes every word readable everywhere in the union."""


class World:
    """`done` counts deeds. `touched`: who is to be looked at after the next step. `everybody`: also who is gone.

    `restored`: a site has lost what came after its backup, so that the halves of pairs need not agree.
    """

    def __init__(self, domicile: Domicile, clock: SetClock) -> None:
        self.domicile = domicile
        self.clock = clock
        self.model = Model()
        self.touched: set[MemberId] = set()
        self.app = f"app {secrets.token_hex(4)}"
        self.restored = False
        self.revoked: set[str] = set()
        self.backups: dict[SiteName, tuple[Path, Backup]] = {}
        self.everybody: set[MemberId] = set()
        self.done: Counter[str] = Counter()
        self._number = 0

    def member(self, number: int) -> MemberId:
        """One of those who are there; the numbers go round."""
        members = sorted(self.model.people)
        return members[number % len(members)]

    def text(self) -> str:
        self._number += 1
        return f"words {self._number}"

    async def insist(self, act: Callable[[], Awaitable[T]], *done: type[Exception]) -> T | None:
        """What the act returns; tried again while somebody does not answer. `done`: what the second try may say."""
        tries = 0
        async with asyncio.timeout(PATIENCE_S):
            while True:
                tries += 1
                try:
                    return await act()
                except (Unavailable, TimeoutError):
                    await asyncio.sleep(0.05)
                except done:
                    if tries == 1:
                        raise
                    return None

    # --- members

    async def sign_up(self, site: SiteName, *, locked: bool = False) -> MemberId:
        self.done["sign up"] += 1
        handle = f"{site[:2]}_{secrets.token_hex(6)}"

        async def join() -> MemberId:
            try:
                return await self._join(site, handle)
            except InvalidFields:  # taken: by the first try, whose answer was lost
                return await self.domicile.members.find_by_handle(handle)

        member = await self.insist(join)
        assert member is not None
        person = Person(member, handle, site, locked)
        self.model.people[member] = person
        self.everybody.add(member)
        if locked:
            await self.insist(lambda: self.domicile.profiles.change(member, ProfileChange(locked=True)))
        self.touched.add(member)
        return member

    async def _join(self, site: SiteName, handle: str) -> MemberId:
        country = country_of_site(site)
        try:
            return await make_member(self.domicile, country, handle=handle, consents=CONSENTS)
        except Unavailable:
            await everybody_answers(self.domicile)
            await self.domicile.members.repair_sign_ups(site)
            raise

    async def sign_up_in_vain(self, site: SiteName, handle: str) -> None:
        """Somebody has the handle: nothing of the attempt is left, anywhere."""
        self.done["sign up in vain"] += 1
        country = country_of_site(site)
        try:
            await make_member(self.domicile, country, handle=handle, email=f"{secrets.token_hex(6)}@example.org")
        except InvalidFields as error:
            assert set(error.fields) == {"username"}
        else:
            raise AssertionError("two members have one handle")
        for name, here in self.domicile.sites.items():
            pending = await here.importer.run("SELECT count(*) FROM resident WHERE state = 'pending'")
            assert pending[0][0] == 0, f"a lost sign-up stays at {name}"

    async def erase(self, member: MemberId) -> bool:
        """False: the member is on the move and stays."""
        self.done["erase"] += 1
        try:
            await self.insist(lambda: self.domicile.erasure.erase(member))
        except Conflict:
            return False
        self.model.remove(member)
        self.touched.discard(member)
        return True

    async def log_in(self, member: MemberId) -> str:
        self.done["log in"] += 1
        token = await self.insist(lambda: self.domicile.access.new_token(member, self.app, "read write"))
        assert token is not None
        self.model.people[member].tokens.add(token)
        return token

    async def log_out(self, member: MemberId) -> None:
        self.done["log out"] += 1
        tokens = self.model.people[member].tokens
        if tokens:
            token = min(tokens)
            await self.insist(lambda: self.domicile.access.revoke_token(token))
            tokens.discard(token)
            self.revoked.add(token)

    async def upload(self, member: MemberId) -> int:
        self.done["upload"] += 1
        shade = len(self.model.people[member].pictures) + 1
        shown = await self.insist(lambda: self.domicile.media.upload(member, picture(shade), self.text()))
        assert shown is not None
        self.model.people[member].pictures[shown.media_id] = shown.digest
        return shown.media_id

    # --- posts

    async def write(
        self,
        author: MemberId,
        visibility: str = PUBLIC,
        named: Sequence[MemberId] = (),
        reply_to: PostId | None = None,
        pictured: bool = False,
    ) -> PostId | None:
        """A post; None if what it answers went meanwhile."""
        self.done["write"] += 1
        pictures = [await self.upload(author)] if pictured else []
        text = " ".join([self.text(), *(f"@{self.model.people[other].handle}" for other in named)])
        key = secrets.token_hex(8)
        draft = Draft(text=text, visibility=visibility, reply_to=reply_to, pictures=pictures, idempotency_key=key)
        item = await self.insist(lambda: self.domicile.posts.write(author, draft))
        assert item is not None
        self.model.posts[item.id] = Written(text, visibility, reply_to, frozenset(named))
        self.touched.add(author)
        return item.id

    async def edit(self, post: PostId, named: Sequence[MemberId] = ()) -> None:
        self.done["edit"] += 1
        written = self.model.posts[post]
        text = " ".join([self.text(), "edited", *(f"@{self.model.people[other].handle}" for other in named)])
        await self.insist(lambda: self.domicile.posts.edit(post.author, post, Draft(text=text)))
        written.text, written.to = text, frozenset(named)

    async def delete(self, post: PostId) -> None:
        self.done["delete"] += 1
        await self.insist(lambda: self.domicile.posts.delete(post.author, post), NotFound)
        self.model.delete(post)
        self.touched.add(post.author)

    async def favourite(self, member: MemberId, post: PostId) -> None:
        self.done["favourite"] += 1
        await self.insist(lambda: self.domicile.reactions.react(member, post, "favourite"))
        self.model.favourites.add((member, post))

    async def unfavourite(self, member: MemberId, post: PostId) -> None:
        self.done["unfavourite"] += 1
        await self.insist(lambda: self.domicile.reactions.undo(member, post, "favourite"))
        self.model.favourites.discard((member, post))

    async def boost(self, member: MemberId, post: PostId) -> PostId:
        self.done["boost"] += 1
        item = await self.insist(lambda: self.domicile.reactions.boost(member, post))
        assert item is not None
        self.model.boosts[member, post] = item.id
        self.model.posts[item.id] = Written("", PUBLIC, boost_of=post)
        return item.id

    async def unboost(self, member: MemberId, post: PostId) -> None:
        self.done["unboost"] += 1
        await self.insist(lambda: self.domicile.reactions.undo(member, post, "boost"))
        if boosting := self.model.boosts.get((member, post)):
            self.model.delete(boosting)

    # --- follows

    async def follow(self, follower: MemberId, followed: MemberId) -> None:
        self.done["follow"] += 1
        await self._settle_between(follower, followed)
        await self.insist(lambda: self.domicile.follows.follow(follower, followed))
        self.model.follow(follower, followed)

    async def unfollow(self, follower: MemberId, followed: MemberId) -> None:
        self.done["unfollow"] += 1
        await self._settle_between(follower, followed)
        await self.insist(lambda: self.domicile.follows.unfollow(follower, followed))
        self.model.follows.pop((follower, followed), None)

    async def answer(self, followed: MemberId, follower: MemberId, *, accept: bool) -> None:
        """Somebody who asked may follow, or may not."""
        self.done["answer"] += 1
        await self._settle_between(follower, followed)
        answer = self.domicile.follows.answer_request
        await self.insist(lambda: answer(followed, follower, accept=accept), NotFound)
        self._decided(followed, follower, accepted=accept)

    async def remove_follower(self, followed: MemberId, follower: MemberId) -> None:
        self.done["remove follower"] += 1
        await self._settle_between(follower, followed)
        await self.insist(lambda: self.domicile.follows.remove_follower(followed, follower), NotFound)
        self._decided(followed, follower, accepted=False)

    def _decided(self, followed: MemberId, follower: MemberId, *, accepted: bool) -> None:
        if accepted:
            self.model.follows[follower, followed] = "accepted"
        else:
            del self.model.follows[follower, followed]

    async def _settle_between(self, one: MemberId, other: MemberId) -> None:
        """Two members' last halves have arrived: of two who change a pair at once, nobody knows who was later."""
        query = "SELECT count(*) FROM outbox WHERE member_id = ANY (%(two)s) AND recipient = ANY (%(two)s)"
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    counts = [
                        (await site.importer.run(query, {"two": [one, other]}))[0][0]
                        for site in self.domicile.sites.values()
                    ]
                    if not sum(counts):
                        return
                    await self.deliver()
                except (Unavailable, TimeoutError):
                    pass
                await asyncio.sleep(0.05)

    # --- the network

    async def deliver(self) -> None:
        """Whatever waits is due, and is delivered."""
        self.clock.advance(LATER)
        for name in self.domicile.sites:
            await self.domicile.router.apply_feed(name)
            await self.domicile.deliverer.deliver_due(name)

    async def back_up(self, site: SiteName) -> None:
        self.done["back up"] += 1
        folder, _ = await self.domicile.backups(site).back_up(self.clock())
        self.backups[site] = folder, self.model.back_up(site)

    async def restore(self, site: SiteName) -> None:
        """The site comes back from its last backup; the operator strikes who is lost off the directory."""
        self.done["restore"] += 1
        folder, backup = self.backups[site]
        await self.domicile.backups(site).restore(folder)
        await self.domicile.repair()
        lost = self.model.restore(backup)
        for member in sorted(lost):
            await self.domicile.directory.release(member)
            self.domicile.router.forget_route(member)
            self.model.remove(member)
        for name in self.domicile.sites:
            await self.domicile.router.apply_feed(name)
        self.restored = True
        self.touched |= {member for member, person in self.model.people.items() if person.home == site}
        self.touched &= self.model.people.keys()

    async def crash(self, name: str, meanwhile: Coroutine[Any, Any, None]) -> None:
        """A server is killed with -9 while somebody does something; they go on until it is done."""
        self.done["crash"] += 1
        acting = asyncio.ensure_future(meanwhile)
        await asyncio.sleep(random.uniform(0, 0.05))
        kill_server(self.domicile, name)
        await asyncio.sleep(0.05)
        await self.recover()
        await acting

    async def recover(self) -> None:
        await everybody_answers(self.domicile)
        await resume_all(self.domicile)

    async def find_homes(self, members: Sequence[MemberId]) -> None:
        """Take from the hub where members live by now."""
        for member, home in (await self.domicile.directory.homes(members)).items():
            self.model.people[member].home = home.site

    async def is_refused(self, token: str) -> bool:
        try:
            await self.domicile.access.check_token(token)
        except NotAuthenticated:
            return True
        return False
