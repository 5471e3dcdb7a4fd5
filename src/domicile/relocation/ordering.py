"""How a coordinator speaks to the two sites of its batch: each order is repeated while its site comes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domicile.errors import NoRoom, Unavailable
from domicile.relocation.journal import Batch
from domicile.relocation.messages import Order, Role, channel
from domicile.transport.exchange import Exchange

A = TypeVar("A")


@dataclass
class Orders:
    """`patience_s`: how long a site may be away before what was asked of it fails."""

    exchange: Exchange
    batch: Batch
    patience_s: float

    def order(self, order: type[Order], role: Role, **fields: object) -> Order:
        """An order under the batch's token."""
        return order(batch=self.batch.number, token=self.batch.token, role=role, **fields)

    async def ask(self, role: Role, order: type[Order], answer: type[A], **fields: object) -> A:
        """An order to the source or the target, and its answer."""
        site = self.batch.source if role == "source" else self.batch.target
        message = self.order(order, role, **fields)
        return await self.patiently(lambda: self.exchange.ask(site, channel(order), message, answer))

    async def ask_both(self, order: type[Order], answer: type[A], **fields: object) -> Sequence[A]:
        """The same to source and target at once; their answers in this order."""
        asked = (self.ask(role, order, answer, **fields) for role in ("source", "target"))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for found in answers:
            if isinstance(found, BaseException):
                raise found
        return [found for found in answers if not isinstance(found, BaseException)]

    async def patiently(self, attempt: Callable[[], Awaitable[A]]) -> A:
        """Try until it is done or patience is at its end. Raises what the last attempt raised."""
        end, pause = time.monotonic() + self.patience_s, 0.05
        while True:
            try:
                return await attempt()
            except NoRoom:
                raise
            except Unavailable:
                if time.monotonic() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)
