"""The health-check engine: every check at once, each with its timeout, settled, guarded and kept."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from controlplane.domain.check import CheckResult, CheckSpec, CheckState, Observation, as_result, settle
from controlplane.domain.guard import HostFacts, guard
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.lag import LagMeter
from controlplane.services.ports import CheckStore, HostWatch, Probe

logger = logging.getLogger(__name__)

# Results kept in memory while the store is down; about 10 MB, or 4 hours of 30 checks every 30 s.
BUFFERED_RESULTS = 15_000
STORE_TIMEOUT_SECONDS = 10.0


def utc_now() -> datetime:
    """The current time, timezone-aware."""
    return datetime.now(UTC)


class CheckEngine:
    """Runs checks. ``probes`` has one probe for each definition, by name.

    Raises ValueError when a definition has no probe or a name is there twice.
    """

    def __init__(
        self,
        definitions: Sequence[CheckSpec],
        probes: Mapping[str, Probe],
        store: CheckStore | None = None,
        host_watch: HostWatch | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._specs = {spec.name: spec for spec in definitions}
        if len(self._specs) != len(definitions):
            raise ValueError("two checks have the same name")
        if missing := [name for name in self._specs if name not in probes]:
            raise ValueError(f"checks without a probe: {', '.join(missing)}")
        self._probes = probes
        self._host_watch = host_watch
        self._clock = clock
        self._latest: dict[str, CheckResult] = {}
        self._keeper = _ResultKeeper(store) if store else None
        self._run_lock = asyncio.Lock()

    @property
    def definitions(self) -> list[CheckSpec]:
        """Every check, in the order of the configuration."""
        return list(self._specs.values())

    def latest(self) -> list[CheckResult]:
        """The newest result of every check that has one, in the order of the configuration."""
        return [self._latest[name] for name in self._specs if name in self._latest]

    async def run_all(self) -> list[CheckResult]:
        """Run every check at once and keep the results. Takes as long as the slowest check."""
        return await self.run(list(self._specs))

    async def run(self, names: Iterable[str]) -> list[CheckResult]:
        """Run the named checks at once and keep the results.

        Raises UsageProblem for an unknown name. Two runs never overlap.
        """
        specs = [self._spec(name) for name in names]
        async with self._run_lock:
            await self._restore()
            results = await self._run(specs)
            self._latest.update({result.name: result for result in results})
            if self._keeper:
                await self._keeper.keep(results)
        return results

    def _spec(self, name: str) -> CheckSpec:
        if name not in self._specs:
            raise UsageProblem(f"no such check: {name}", hint="cmctl check list shows them")
        return self._specs[name]

    async def _restore(self) -> None:
        """Take over the states of an earlier process, once the store answers."""
        if self._keeper is None:
            return
        for result in await self._keeper.restored():
            if result.name in self._specs:
                self._latest.setdefault(result.name, result)

    async def _run(self, specs: Sequence[CheckSpec]) -> list[CheckResult]:
        async with LagMeter() as lag:
            timed, facts = await asyncio.gather(
                asyncio.gather(*(self._observe(spec) for spec in specs)), self._host_facts(specs)
            )
        observed = {spec.name: (spec, observation) for spec, (observation, _) in zip(specs, timed, strict=True)}
        guarded = guard(observed, facts, lag.longest_seconds)
        at = self._clock()
        durations = [duration for _, duration in timed]
        pairs = zip(specs, durations, strict=True)
        return [self._settled(spec, guarded[spec.name], duration, at) for spec, duration in pairs]

    async def _observe(self, spec: CheckSpec) -> tuple[Observation, float]:
        started = time.perf_counter()
        observation = await observe_within(self._probes[spec.name], spec.timeout_seconds)
        return observation, time.perf_counter() - started

    async def _host_facts(self, specs: Sequence[CheckSpec]) -> HostFacts:
        if self._host_watch is None or not specs:
            return HostFacts()
        longest = max(spec.timeout_seconds for spec in specs)
        try:
            async with asyncio.timeout(longest):
                return await self._host_watch.facts({spec.host for spec in specs if spec.host})
        except TimeoutError:
            return HostFacts()

    def _settled(self, spec: CheckSpec, observation: Observation, duration: float, at: datetime) -> CheckResult:
        previous = self._latest.get(spec.name)
        settled = settle(previous, observation.state, at, spec.failures_before_change)
        if previous is not None and settled.state != previous.state:
            logger.log(
                logging.INFO if settled.state == CheckState.OK else logging.WARNING,
                "check changed its state",
                extra={
                    "action": "check_state",
                    "check": spec.name,
                    "before": previous.state.name,
                    "after": settled.state.name,
                    "reason": observation.message,
                },
            )
        return as_result(spec, observation, settled, duration, at)


async def observe_within(probe: Probe, timeout_seconds: float) -> Observation:
    """What the probe sees; UNKNOWN when it takes too long or is itself broken.

    The probe is told to stop but not waited for, so that one which hangs delays nobody.
    """
    task = asyncio.ensure_future(probe.observe())
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        return Observation(CheckState.UNKNOWN, f"no answer within {timeout_seconds:g} s", timed_out=True)
    try:
        return task.result()
    except CmctlError as error:
        return Observation(CheckState.UNKNOWN, error.message)
    except Exception as error:
        logger.exception("probe failed", extra={"action": "check_probe"})
        return Observation(CheckState.UNKNOWN, f"the check itself failed: {type(error).__name__}: {error}")


class _ResultKeeper:
    """Saves results; holds a bounded number of them back while the store is down."""

    def __init__(self, store: CheckStore) -> None:
        self._store = store
        self._waiting: deque[CheckResult] = deque(maxlen=BUFFERED_RESULTS)
        self._is_restored = False
        self._is_down = False

    async def restored(self) -> list[CheckResult]:
        """The states an earlier process left; empty when there are none, or after the first success."""
        if self._is_restored:
            return []
        try:
            async with asyncio.timeout(STORE_TIMEOUT_SECONDS):
                results = await self._store.latest_results()
        except (CmctlError, TimeoutError) as error:
            self._note_down(error)
            return []
        self._is_restored = True
        # A restored streak is from before the restart: those runs were not in a row with the next one.
        return [replace(result, streak=0) for result in results]

    async def keep(self, results: Sequence[CheckResult]) -> None:
        """Save the results and everything held back; hold them back when that fails."""
        self._waiting.extend(results)
        batch = list(self._waiting)
        try:
            async with asyncio.timeout(STORE_TIMEOUT_SECONDS):
                await self._store.save_results(batch)
        except (CmctlError, TimeoutError) as error:
            self._note_down(error)
            return
        self._waiting.clear()
        if self._is_down:
            self._is_down = False
            logger.info("check results are kept again", extra={"action": "check_store", "saved": len(batch)})

    def _note_down(self, error: Exception) -> None:
        if not self._is_down:
            self._is_down = True
            extra = {"action": "check_store", "reason": str(error) or type(error).__name__}
            logger.warning("check results cannot be kept and wait in memory", extra=extra)
