"""Which of several daemons on one store does the work: the one that holds PostgreSQL's advisory lock.

Whoever holds the lock is active. Whoever sees that another holds it is on
standby: it takes no alerts, tells nobody and runs no job. While PostgreSQL
does not answer nobody can know, so every daemon keeps taking alerts into its
journal and does what it can.

A daemon that was active believes so for BELIEF_SECONDS after the last time the
lock was confirmed, and stops its work then. Whoever takes the lock over from
another daemon waits longer than that first, so the two do not work at the same
time.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.within import within

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
BELIEF_SECONDS = 6.0
WAIT_SECONDS = BELIEF_SECONDS + 2.0  # a look at a server that hangs ends late by this much at most
ASK_SECONDS = 1.5
AWAY_SECONDS = 10.0
"""A standby begins to work without PostgreSQL only after it has been away this long; a restart is shorter."""


class Role(StrEnum):
    """What a daemon is to the store."""

    ACTIVE = "active"
    STANDBY = "standby"
    UNSURE = "unsure"  # PostgreSQL does not answer


@dataclass(frozen=True)
class Holder:
    """The daemon that holds the lock. ``age_seconds`` counts since it last confirmed it, on the server's clock."""

    name: str
    since: datetime
    age_seconds: float


@dataclass(frozen=True)
class Taken:
    """The lock is ours. ``was_other`` when another daemon had it before and did not give it back in order."""

    was_other: bool


class ActiveLock(Protocol):
    """The lock that only one daemon on a store holds. It ends with its session, however that ends."""

    async def take(self) -> Taken | Holder:
        """Take the lock, or confirm it; the holder when that is another. Raises DependencyUnreachable."""
        ...

    async def announce(self) -> None:
        """Record that this daemon is the active one. Raises DependencyUnreachable."""
        ...

    async def give_back(self) -> None:
        """Release the lock in order; nothing happens when it cannot be reached."""
        ...


class Store(Protocol):
    """The store's connections, apart from the lock's."""

    @property
    def is_up(self) -> bool:
        """Whether it answered last."""
        ...

    async def ask(self, timeout_seconds: float) -> None:
        """Find out now whether it answers. Raises DependencyUnreachable."""
        ...


class StandbyGuard:
    """Keeps the role up to date. ``run`` it beside everything; ``working`` work only while it may."""

    def __init__(self, lock: ActiveLock, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lock = lock
        self._store = store
        self._monotonic = monotonic
        self._role = Role.UNSURE
        self._is_first_look = True
        self.holder: Holder | None = None
        self._may_work = False
        self._believed_until = 0.0
        self._wait_until = 0.0
        self._away_since: float | None = None
        self._changed = asyncio.Condition()

    @property
    def role(self) -> Role:
        """What this daemon is now."""
        return self._role

    @property
    def may_work(self) -> bool:
        """Whether scheduled work and telling people are this daemon's now."""
        return self._may_work

    def refuse_on_standby(self) -> None:
        """Raises DependencyUnreachable, naming the active daemon, on a standby: trying again helps."""
        if self._role is Role.STANDBY:
            raise DependencyUnreachable(self.describe(), hint="ask the active one, or stop it and try again")

    def describe(self) -> str:
        """A sentence about the role."""
        if self._role is Role.STANDBY and self.holder is not None:
            return f"this control plane is on standby: {self.holder.name} is active"
        if self._role is Role.ACTIVE:
            return "this control plane is active"
        return "nobody knows which control plane is active: PostgreSQL does not answer, or not for the lock"

    # -- waiting for a role

    async def wait_until_up(self) -> None:
        """Return once this daemon is the active one: the store is there, and is its own."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._role is Role.ACTIVE)

    async def wait_until_work(self, may_work: bool) -> None:
        """Return once there may be work, or may be none."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._may_work is may_work)

    # -- the role itself

    async def run(self) -> None:
        """Look for ever; gives the lock back at the end."""
        try:
            while True:
                try:
                    await self.look()
                except Exception:
                    logger.exception("The lock of the active daemon cannot be looked at", extra={"action": "role"})
                    await self._become(Role.UNSURE, may_work=False)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            with contextlib.suppress(TimeoutError, CmctlError):
                async with asyncio.timeout(2):
                    await self._lock.give_back()

    async def look(self) -> None:
        """Take, confirm or miss the lock once, and settle the role."""
        asked_at = self._monotonic()
        try:
            answer = await self._lock.take()
            if isinstance(answer, Taken):
                await self._holds(answer, asked_at)
            else:
                await self._misses(answer)
        except DependencyUnreachable:
            await self._knows_nothing()

    async def _holds(self, taken: Taken, asked_at: float) -> None:
        """Begin at once, or when whoever had the lock before has certainly stopped."""
        self._away_since = None
        if self._role is not Role.ACTIVE:
            if taken.was_other and not self._wait_until:
                age = self.holder.age_seconds if self.holder is not None else 0.0
                self._wait_until = asked_at + WAIT_SECONDS - min(age, WAIT_SECONDS)
            if asked_at < self._wait_until:
                await self._become(self._role, may_work=False)
                return
            await self._lock.announce()
            self._wait_until = 0.0
        self._believed_until = asked_at + BELIEF_SECONDS
        await self._become(Role.ACTIVE, may_work=True)

    async def _misses(self, holder: Holder) -> None:
        self.holder = holder
        self._away_since, self._wait_until, self._believed_until = None, 0.0, 0.0
        await self._become(Role.STANDBY, may_work=False)

    async def _knows_nothing(self) -> None:
        """PostgreSQL away is no reason to stop; a lock lost while PostgreSQL answers otherwise is."""
        store_answers = await self._store_answers()
        now = self._monotonic()
        self.holder, self._wait_until = None, 0.0  # what it did since we last saw it is not known
        if store_answers:
            self._away_since = None
            await self._become(Role.UNSURE, may_work=self._may_work and now < self._believed_until)
            return
        if self._away_since is None:
            self._away_since = now
        waited = self._role is not Role.STANDBY and (self._may_work or self._is_first_look)
        may_work = waited or now - self._away_since >= AWAY_SECONDS
        if may_work:
            self._believed_until = now + BELIEF_SECONDS
        await self._become(Role.UNSURE, may_work)

    async def _store_answers(self) -> bool:
        if not self._store.is_up:
            return False
        try:
            await within(ASK_SECONDS, self._store.ask(ASK_SECONDS))
        except (TimeoutError, CmctlError):
            return False
        return True

    async def _become(self, role: Role, may_work: bool) -> None:
        before = self._role
        self._role, self._may_work, self._is_first_look = role, may_work, False
        if role is Role.ACTIVE:
            self.holder = None
        if role is not before:
            level = logging.WARNING if role is Role.STANDBY else logging.INFO
            logger.log(level, "The role of this control plane changed", extra={"action": "role", "role": role.value})
        async with self._changed:
            self._changed.notify_all()


async def work_while_allowed(guard: StandbyGuard, working: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    """Enter ``working`` whenever there may be work, and leave it when there may be none; until cancelled."""
    while True:
        await guard.wait_until_work(True)
        try:
            async with working():
                await guard.wait_until_work(False)
        except Exception:
            logger.exception("The work could not be begun or ended", extra={"action": "work"})
            await asyncio.sleep(LOOK_SECONDS)
