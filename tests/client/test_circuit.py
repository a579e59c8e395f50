"""The circuit breaker: one request probes, the others wait for its outcome, and none is forgotten. In virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.circuit import Call, CircuitBreaker
from allium_market_data.client.retry import RetryPolicy
from allium_market_data.client.settings import Settings
from allium_market_data.client.transport import Reply, Request, Transport
from allium_market_data.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContractError,
    ErrorContext,
    FetchError,
    NotFoundError,
    ServerError,
)
from support import virtual_time

QUICK = RetryPolicy(attempts=4, first_pause=0, longest_pause=0, jitter=0)
REQUEST = Request("/", {})

Serve = Callable[[int], Awaitable[str]]
"""Answers the n-th request, counted from 1, or raises."""


class Server:
    """Takes the place of HTTP. Counts the requests, and how many are in flight."""

    def __init__(self, serve: Serve, max_concurrency: int = 8, **options: Any) -> None:
        retry = options.pop("retry", QUICK)
        settings = Settings(ApiKey("key"), "https://api.example", 30.0, max_concurrency, None, retry)
        self.transport = Transport(settings, **options)
        self.requests = self.in_flight = self.max_in_flight = 0
        self.serve = serve
        self.transport._exchange = self.exchange  # type: ignore[method-assign]

    async def exchange(self, request: Request) -> Reply | FetchError:
        self.requests += 1
        number = self.requests
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            return Reply(200, {}, (await self.serve(number)).encode())
        except FetchError as failure:
            return failure
        finally:
            self.in_flight -= 1

    async def send(self, call: Call | None = None) -> str:
        return await self.transport.send(REQUEST, bytes.decode, lambda: None, call)


def failing(kind: type[FetchError] = ServerError, status: int = 503, retry_after: str | None = None) -> FetchError:
    return kind("no", ErrorContext(status=status, headers={} if retry_after is None else {"retry-after": retry_after}))


def script(*outcomes: FetchError | None) -> Serve:
    """Failures and responses in turn, then responses."""

    async def serve(number: int) -> str:
        if number <= len(outcomes) and (failure := outcomes[number - 1]):
            raise failure
        return "rows"

    return serve


async def dead(_: int) -> str:
    raise failing()


async def gather(*sends: Awaitable[str]) -> list[Any]:
    return await asyncio.gather(*sends, return_exceptions=True)


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(outcome if isinstance(outcome, str) else type(outcome).__name__ for outcome in outcomes)


def test_the_first_request_is_a_probe_whose_success_closes_the_circuit() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def serve(number: int) -> str:
            if number == 1:
                await release.wait()
            return "rows"

        server = Server(serve)
        sends = [asyncio.create_task(server.send()) for _ in range(20)]
        await asyncio.sleep(1)
        assert (server.requests, server.max_in_flight) == (1, 1)
        release.set()
        assert kinds(await gather(*sends)) == {"rows": 20}
        assert server.max_in_flight == 8

    virtual_time.run(main())


@pytest.mark.parametrize("attempts", [1, 6])
def test_a_dead_server_gets_one_retry_budget_for_all_windows_and_calls(attempts: int) -> None:
    async def main() -> None:
        server = Server(dead, retry=RetryPolicy(attempts, 0, 0, 0))
        assert kinds(await gather(*(server.send(Call()) for _ in range(30)))) == {"ServerError": 30}
        assert (server.requests, server.max_in_flight) == (attempts, 1)
        assert kinds(await gather(*(server.send() for _ in range(5)))) == {"ServerError": 5}
        assert server.requests == 2 * attempts

    virtual_time.run(main())


def test_a_server_that_dies_gets_the_requests_in_flight_and_one_probe() -> None:
    async def main() -> None:
        server = Server(lambda number: script()(number) if number <= 5 else dead(number))
        outcomes = await gather(*(server.send() for _ in range(40)))
        assert kinds(outcomes) == {"rows": 5, "ServerError": 35}
        assert server.requests <= 5 + 8 + QUICK.attempts - 1

    virtual_time.run(main())


def test_a_transient_failure_costs_one_retry_and_no_window() -> None:
    async def main() -> None:
        server = Server(script(None, None, failing(), failing(ConnectionFailedError), failing()))
        assert kinds(await gather(*(server.send() for _ in range(40)))) == {"rows": 40}
        assert server.requests == 43

    virtual_time.run(main())


@pytest.mark.parametrize("good", [0, 3])
def test_a_refused_key_ends_all_that_wait_and_nothing_more_is_sent(good: int) -> None:
    async def main() -> None:
        async def serve(number: int) -> str:
            if number > good:
                raise failing(AuthenticationError, 401)
            return "rows"

        server = Server(serve, max_concurrency=4)
        outcomes = await gather(*(server.send(Call()) for _ in range(30)))
        assert kinds(outcomes) == Counter(rows=good, AuthenticationError=30 - good)
        assert server.requests <= good + (4 if good else 1)
        errors = [error for error in outcomes if isinstance(error, FetchError)]
        assert all(error.__traceback__ is not None for error in errors)
        assert len(set(map(id, errors))) == 30 - good

    virtual_time.run(main())


def test_a_shared_error_does_not_end_later_requests() -> None:
    async def main() -> None:
        server = Server(script(failing(AuthenticationError, 401)))
        assert kinds(await gather(server.send(), server.send())) == {"AuthenticationError": 2}
        assert kinds(await gather(server.send(), server.send())) == {"rows": 2}

    virtual_time.run(main())


@pytest.mark.parametrize("failure", [failing(NotFoundError, 404), failing(ContractError, 200)])
def test_an_error_that_is_not_shared_ends_its_own_call_alone(failure: FetchError) -> None:
    async def main() -> None:
        call, other = Call(), Call()
        server = Server(script(failure))
        outcomes = await gather(server.send(call), server.send(call), server.send(other), server.send(call))
        assert [type(outcome) for outcome in outcomes] == [type(failure), type(failure), str, type(failure)]
        assert server.requests == 2
        with pytest.raises(type(failure)):
            await server.send(call)
        assert server.requests == 2

    virtual_time.run(main())


def test_a_cancelled_probe_passes_its_place_and_its_pause_on() -> None:
    async def main() -> None:
        server = Server(script(failing(retry_after="60")))
        probe = asyncio.create_task(server.send())
        await asyncio.sleep(1)
        others = [asyncio.create_task(server.send()) for _ in range(3)]
        await asyncio.sleep(1)
        probe.cancel()
        others[0].cancel()
        assert kinds(await gather(*others[1:])) == {"rows": 2}
        assert virtual_time.now() == pytest.approx(60)
        assert server.requests == 3

    virtual_time.run(main())


def test_a_request_cancelled_as_it_becomes_the_probe_wakes_the_next() -> None:
    async def main() -> None:
        async def serve(number: int) -> str:
            if number == 1:
                await asyncio.Event().wait()
            return "rows"

        server = Server(serve)
        probe, second, third = (asyncio.create_task(server.send()) for _ in range(3))
        await asyncio.sleep(1)
        probe.cancel()
        await asyncio.sleep(0)
        second.cancel()
        assert await third == "rows"
        await asyncio.gather(probe, second, return_exceptions=True)

    virtual_time.run(main())


def test_a_waiting_request_takes_no_slot_of_the_concurrency() -> None:
    async def main() -> None:
        server = Server(script(failing(), failing(), None), max_concurrency=1)
        assert kinds(await gather(*(server.send() for _ in range(5)))) == {"rows": 5}
        assert server.max_in_flight == 1

    virtual_time.run(main())


def test_before_request_is_awaited_once_for_each_request_sent() -> None:
    async def main() -> None:
        awaited = 0

        async def before_request() -> None:
            nonlocal awaited
            awaited += 1
            await asyncio.sleep(0)

        serve = script(None, failing(), None, failing(AuthenticationError, 401))
        server = Server(serve, max_concurrency=3, before_request=before_request)
        await gather(*(server.send() for _ in range(20)))
        assert awaited == server.requests

    virtual_time.run(main())


def test_a_retry_after_beyond_the_deadline_fails_at_once() -> None:
    async def main() -> None:
        server = Server(script(failing(retry_after="60")))
        with pytest.raises(ServerError, match="no; the deadline is sooner"):
            await server.send(Call(deadline=virtual_time.now() + 5))
        assert virtual_time.now() == 0
        assert await server.send() == "rows"

    virtual_time.run(main())


def test_a_closed_circuit_makes_no_request_wait() -> None:
    async def main() -> None:
        circuit = CircuitBreaker()
        ticket = circuit.begin(Call())
        assert not circuit.may_send(ticket)
        await circuit.admit(ticket)
        circuit.record_success(ticket)
        assert circuit.is_closed
        assert circuit.may_send(circuit.begin(Call()))

    virtual_time.run(main())


FAILURES = [
    failing(),
    failing(ConnectionFailedError, 0),
    failing(retry_after="7"),
    failing(NotFoundError, 404),
    failing(AuthenticationError, 401),
]


@given(
    st.lists(st.one_of(st.none(), st.sampled_from(FAILURES)), max_size=25),
    st.integers(1, 20),
    st.integers(1, 4),
    st.sets(st.integers(0, 19), max_size=4),
)
def test_whatever_happens_all_requests_end_and_their_number_is_bounded(
    outcomes: list[FetchError | None], sends: int, max_concurrency: int, cancelled: set[int]
) -> None:
    async def main() -> None:
        server = Server(script(*outcomes), max_concurrency=max_concurrency)
        tasks = [asyncio.create_task(server.send(Call())) for _ in range(sends)]
        for number in sorted(cancelled & set(range(sends))):
            await asyncio.sleep(0)
            tasks[number].cancel()
        results = await gather(*tasks)
        failures = {type(outcome).__name__ for outcome in outcomes if outcome}
        assert set(kinds(results)) <= {"rows", "CancelledError", *failures}
        assert server.requests <= sends + sum(outcome is not None for outcome in outcomes)
        assert server.max_in_flight <= max_concurrency
        assert len(asyncio.all_tasks()) == 1

    virtual_time.run(main())
