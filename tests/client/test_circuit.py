"""The gate before a server: one tries, the others wait for what becomes of it, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
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
from support.budget import examples

NOW = datetime(2026, 5, 1, tzinfo=UTC)
QUICK = RetryPolicy(attempts=4, first_pause=0, longest_pause=0, jitter=0)
QUESTION = Request("/", {})

Serve = Callable[[int], Awaitable[str]]
"""Answers the n-th request, counted from 1, or raises."""


class Server:
    """In the place of HTTP: counts what is sent, and how many are under way at a time."""

    def __init__(self, serve: Serve, places: int = 8, **options: Any) -> None:
        told = Settings(ApiKey("key"), "https://api.example", 30.0, places, None, options.pop("retry", QUICK))
        self.transport = Transport(told, **options)
        self.asked = self.now = self.most = 0
        self.serve = serve
        self.transport._exchange = self.exchange  # type: ignore[method-assign]

    async def exchange(self, question: Request) -> Reply | FetchError:
        self.asked += 1
        number = self.asked
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            return Reply(200, {}, (await self.serve(number)).encode())
        except FetchError as failure:
            return failure
        finally:
            self.now -= 1

    async def ask(self, call: Call | None = None) -> str:
        return await self.transport.ask(QUESTION, bytes.decode, lambda: None, call)


def failing(kind: type[FetchError] = ServerError, status: int = 503, **headers: str) -> FetchError:
    return kind(
        "no", ErrorContext(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})
    )


def script(*answers: FetchError | None) -> Serve:
    """Failures and answers in turn; answers behind them."""

    async def serve(number: int) -> str:
        if number <= len(answers) and (failure := answers[number - 1]):
            raise failure
        return "rows"

    return serve


async def dead(_: int) -> str:
    raise failing()


async def together(*asks: Awaitable[str]) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*asks, return_exceptions=True), 10)


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(one if isinstance(one, str) else type(one).__name__ for one in outcomes)


def test_nothing_known_means_one_at_a_time_and_one_good_answer_opens_the_gate() -> None:
    async def run() -> None:
        opened = asyncio.Event()
        server = Server(lambda number: script()(number) if number > 1 else wait(opened))
        asks = [asyncio.create_task(server.ask()) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert (server.asked, server.most) == (1, 1)
        opened.set()
        assert kinds(await together(*asks)) == {"rows": 20}
        assert server.most == 8

    asyncio.run(run())


async def wait(event: asyncio.Event) -> str:
    await event.wait()
    return "rows"


@pytest.mark.parametrize("attempts", [1, 2, 6])
def test_a_dead_server_is_asked_as_often_as_the_policy_says_over_all_windows_and_calls(attempts: int) -> None:
    async def run() -> None:
        server = Server(dead, retry=RetryPolicy(attempts, 0, 0, 0))
        assert kinds(await together(*(server.ask(Call()) for _ in range(30)))) == {"ServerError": 30}
        assert (server.asked, server.most) == (attempts, 1)
        assert kinds(await together(*(server.ask() for _ in range(5)))) == {"ServerError": 5}
        assert server.asked == 2 * attempts

    asyncio.run(run())


def test_a_server_that_dies_is_asked_by_one_window_alone_and_those_in_flight() -> None:
    async def run() -> None:
        server = Server(lambda number: script()(number) if number <= 5 else dead(number))
        outcomes = await together(*(server.ask() for _ in range(40)))
        assert kinds(outcomes) == {"rows": 5, "ServerError": 35}
        assert server.asked <= 5 + 8 + QUICK.attempts - 1

    asyncio.run(run())


def test_a_passing_failure_costs_its_own_retry_and_all_windows_come_through() -> None:
    async def run() -> None:
        server = Server(script(None, None, failing(), failing(ConnectionFailedError), failing()))
        assert kinds(await together(*(server.ask() for _ in range(40)))) == {"rows": 40}
        assert server.asked == 43

    asyncio.run(run())


@pytest.mark.parametrize("good", [0, 3])
def test_a_refused_key_ends_everyone_who_waits_and_nothing_more_is_sent(good: int) -> None:
    async def run() -> None:
        async def serve(number: int) -> str:
            if number > good:
                raise failing(AuthenticationError, 401)
            return "rows"

        server = Server(serve, places=4)
        outcomes = await together(*(server.ask(Call()) for _ in range(30)))
        assert kinds(outcomes) == Counter(rows=good, AuthenticationError=30 - good)
        assert server.asked <= good + (4 if good else 1)
        assert all(error.__traceback__ is not None for error in outcomes if isinstance(error, FetchError))
        assert len({id(error) for error in outcomes if isinstance(error, FetchError)}) == 30 - good

    asyncio.run(run())


def test_a_verdict_is_about_those_who_waited_and_not_about_who_comes_later() -> None:
    async def run() -> None:
        server = Server(script(failing(AuthenticationError, 401)))
        assert kinds(await together(server.ask(), server.ask())) == {"AuthenticationError": 2}
        assert kinds(await together(server.ask(), server.ask())) == {"rows": 2}

    asyncio.run(run())


@pytest.mark.parametrize("failure", [failing(NotFoundError, 404), failing(ContractError, 200)])
def test_an_answer_that_ends_its_own_call_leaves_the_others_their_turn(failure: FetchError) -> None:
    async def run() -> None:
        one, other = Call(), Call()
        server = Server(script(failure))
        outcomes = await together(server.ask(one), server.ask(one), server.ask(other), server.ask(one))
        assert [type(outcome) for outcome in outcomes] == [type(failure), type(failure), str, type(failure)]
        assert server.asked == 2
        with pytest.raises(type(failure)):
            await server.ask(one)
        assert server.asked == 2

    asyncio.run(run())


def test_a_prober_that_is_cancelled_hands_its_place_and_its_pause_on() -> None:
    async def run() -> None:
        server = Server(script(failing(retry_after="1"), None), retry=RetryPolicy(4, 0, 0, 0))
        prober = asyncio.create_task(server.ask())
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(server.ask()) for _ in range(3)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        prober.cancel()
        others[0].cancel()
        assert kinds(await together(*others[1:])) == {"rows": 2}
        assert time.monotonic() - began > 0.7
        assert server.asked == 3

    asyncio.run(run())


def test_one_who_is_cancelled_at_the_moment_of_its_turn_passes_it_on() -> None:
    async def run() -> None:
        stalled = asyncio.Event()
        server = Server(lambda number: wait(stalled) if number == 1 else script()(number))
        prober, second, third = (asyncio.create_task(server.ask()) for _ in range(3))
        await asyncio.sleep(0.01)
        prober.cancel()
        await asyncio.sleep(0)
        second.cancel()
        assert await asyncio.wait_for(third, 5) == "rows"
        await asyncio.gather(prober, second, return_exceptions=True)

    asyncio.run(run())


def test_who_waits_at_the_gate_holds_no_place() -> None:
    async def run() -> None:
        server = Server(script(failing(), failing(), None), places=1)
        assert kinds(await together(*(server.ask() for _ in range(5)))) == {"rows": 5}
        assert server.most == 1

    asyncio.run(run())


def test_the_toll_is_paid_for_what_is_sent_and_for_nothing_else() -> None:
    async def run() -> None:
        paid = 0

        async def before_request() -> None:
            nonlocal paid
            paid += 1
            await asyncio.sleep(0)

        server = Server(
            script(None, failing(), None, failing(AuthenticationError, 401)), places=3, before_request=before_request
        )
        await together(*(server.ask() for _ in range(20)))
        assert paid == server.asked

    asyncio.run(run())


def test_a_retry_after_beyond_the_deadline_fails_at_once_and_leaves_the_others_waiting() -> None:
    async def run() -> None:
        server = Server(script(failing(retry_after="60")))
        began = time.monotonic()
        with pytest.raises(ServerError, match="no; the deadline is sooner"):
            await server.ask(Call(time.monotonic() + 5))
        assert time.monotonic() - began < 4
        assert await asyncio.wait_for(server.ask(), 5) == "rows"

    asyncio.run(run())


def test_a_client_that_is_well_makes_nobody_wait() -> None:
    circuit = CircuitBreaker()
    ticket = circuit.ticket(Call())
    assert not circuit.may_send(ticket)
    asyncio.run(circuit.admit(ticket))
    circuit.succeeded(ticket)
    assert circuit.well
    assert circuit.may_send(circuit.ticket(Call()))


FAILURES = [failing(), failing(ConnectionFailedError, 0), failing(retry_after="0"), failing(NotFoundError, 404)]


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([*FAILURES, failing(AuthenticationError, 401)])), max_size=25),
    st.integers(1, 20),
    st.integers(1, 4),
    st.sets(st.integers(0, 19), max_size=4),
)
@examples(150)
def test_whatever_happens_everyone_ends_and_what_is_sent_is_bounded(
    answers: list[FetchError | None], asks: int, places: int, cancelled: set[int]
) -> None:
    async def run() -> None:
        server = Server(script(*answers), places=places)
        tasks = [asyncio.create_task(server.ask(Call())) for _ in range(asks)]
        for number in sorted(cancelled & set(range(asks))):
            await asyncio.sleep(0)
            tasks[number].cancel()
        outcomes = await together(*tasks)
        assert set(kinds(outcomes)) <= {
            *("rows", "CancelledError"),
            *(type(answer).__name__ for answer in answers if answer),
        }
        assert server.asked <= asks + sum(answer is not None for answer in answers)
        assert server.most <= places
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
