"""Bringing what one wrote elsewhere: send the file, see how far it is, read what became of it.

The file goes straight to the member's home, under no name, and is gone when it has been read. How far it is and what
became of it are counts in this process's memory; after a restart the same file goes on where it was.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from litestar import Response, get, post
from litestar.datastructures import State
from litestar.response import Redirect

from domicile.errors import DomicileError, InvalidInput, NotPermitted, TooMany
from domicile.ids import MemberId
from domicile.network.imports.found import REASONS
from domicile.network.imports.importing import NAMES, Report, Wishes
from domicile.network.imports.staging import Staged
from domicile.network.schema import VISIBILITIES
from domicile.running import Domicile
from domicile.web.site.page import AnyRequest, Fields, Page, count, open_page, redirect
from domicile.web.site.session import form_token_fits
from domicile.web.uploads import Fields as FormFields
from domicile.web.uploads import Receiver

PATH = "/settings/rights/import"
MOST_WAITING = 4
KEPT_S = 3600.0
log = structlog.get_logger("domicile.web")


@dataclass
class Job:
    """One import: waiting or at work until `report` or `error` is there."""

    what: str = ""
    done: int = 0
    total: int = 0
    report: Report | None = None
    error: str | None = None
    ended: float | None = None
    task: "asyncio.Task[None] | None" = None

    @property
    def working(self) -> bool:
        return self.ended is None

    def progress(self, what: str, done: int, total: int) -> None:
        self.what, self.done, self.total = what, done, total


@dataclass
class Jobs:
    """The imports of this process: one at work, a few waiting, and for an hour what became of the others."""

    jobs: dict[MemberId, Job] = field(default_factory=dict)
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def check(self, member: MemberId) -> None:
        """Raise if this member, or this process, has enough to do already."""
        ended = time.monotonic() - KEPT_S
        self.jobs = {who: job for who, job in self.jobs.items() if job.ended is None or job.ended > ended}
        if member in self.jobs and self.jobs[member].working:
            raise InvalidInput("Validation failed: another file of yours is being read; wait until it is done")
        if sum(job.working for job in self.jobs.values()) > MOST_WAITING:
            raise TooMany("too many imports at once", "Many others are doing this now. Please try again in a while")

    def start(self, domicile: Domicile, member: MemberId, file: Staged, name: str, wishes: Wishes) -> None:
        job = self.jobs[member] = Job()
        job.task = asyncio.create_task(self._run(domicile, member, file, name, wishes, job))

    async def _run(
        self, domicile: Domicile, member: MemberId, file: Staged, name: str, wishes: Wishes, job: Job
    ) -> None:
        try:
            async with self.turn:
                job.report = await domicile.imports.take_in(member, cast(Any, file), name, wishes, job.progress)
        except DomicileError as error:
            log.warning("an import ended early", detail=error.detail)
            job.error = error.safe.removeprefix("Validation failed: ")
        except Exception as error:
            log.error("an import failed", kind=type(error).__name__)
            job.error = "something went wrong here. What was taken in stays; send the file again to go on."
        finally:
            file.close()
            job.ended = time.monotonic()


def _jobs(state: State) -> Jobs:
    if "jobs" not in state:
        state.jobs = Jobs()
    found: Jobs = state.jobs
    return found


@get(PATH, include_in_schema=False)
async def show_import(request: AnyRequest) -> Response[str]:
    """Send a file, or see what becomes of the one that was sent."""
    page = await open_page(request)
    return _import(page, page.require_member())


@post(PATH, include_in_schema=False)
async def take_import(request: AnyRequest) -> Response[str] | Redirect:
    """Take a file, and begin to read it."""
    page = await open_page(request)
    member = page.require_member()
    count(request, "log_ins")  # an archive is much work
    jobs = _jobs(request.app.state)
    jobs.check(member)
    receiver = Receiver(page.domicile.config.limits.archive_bytes, _admit(page))
    with contextlib.ExitStack() as unread:
        unread.callback(receiver.close)
        await receiver.receive(request)
        wishes = _wishes(receiver.fields)
        if receiver.file is None or receiver.file.tell() == 0:
            return _import(page, member, {"archive": ["is needed: choose a file"]}, 422)
        jobs.check(member)
        unread.pop_all()
        jobs.start(page.domicile, member, receiver.file, receiver.name, wishes)
    return redirect(PATH)


def _admit(page: Page) -> Callable[[FormFields], Staged]:
    def admit(fields: FormFields) -> Staged:
        if page.fresh or not form_token_fits(page.domicile.access, page.cookie, fields.get("form_token", "")):
            raise NotPermitted("a form without its token", "This form was not sent from this page. Please reload it.")
        return page.domicile.imports.stage(page.at)

    return admit


def _wishes(fields: FormFields) -> Wishes:
    widest = fields.get("widest", "public")
    if widest not in VISIBILITIES:
        raise InvalidInput("Validation failed: Visibility is not included in the list")
    return Wishes(widest=widest, same_handles=fields.get("same_handles") == "yes")


def _import(page: Page, member: MemberId, errors: Fields | None = None, status: int = 200) -> Response[str]:
    return page.render(
        "import.html",
        status,
        job=_jobs(page.request.app.state).jobs.get(member),
        names=NAMES,
        reasons=REASONS,
        most_mib=page.domicile.config.limits.archive_bytes >> 20,
        errors=errors or {},
    )
