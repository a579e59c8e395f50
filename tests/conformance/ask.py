"""Raw questions to a server: counted, remembered, and printable as a curl line without the key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from urllib.parse import quote

import httpx

from allium_market_data.client.api_key import ApiKey
from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval

from . import times
from .answers import Answer, Reply
from .document import PATH

BUDGET: Final = 150
"""How many requests a whole run may make."""
TIMEOUT: Final = 30.0
WRONG_KEYS: Final = ("unrelated", "one character less", "one character more", "empty")
_PATIENCE: Final = 3
_LONGEST_WAIT: Final = 30.0


class OverBudgetError(AssertionError):
    """The run wants to make more requests than it may."""


@dataclass(frozen=True)
class Window:
    """start <= t < end in microseconds, in buckets of ``interval``."""

    interval: Interval
    start: int
    end: int

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return WIDTHS[self.interval]

    def question(self, limit: int | None = 5000) -> Question:
        """This window as the plainest possible question."""
        parameters = [
            ("interval", self.interval),
            ("start_timestamp", times.text(self.start)),
            ("end_timestamp", times.text(self.end)),
        ]
        return Question(tuple(parameters)).but(limit=limit)

    def __str__(self) -> str:
        return f"[{times.text(self.start)}, {times.text(self.end)}) at {self.interval}"


@dataclass(frozen=True)
class Question:
    """A request as it will be sent: values are escaped, but for the colon, when it goes out."""

    parameters: tuple[tuple[str, str], ...]
    market: str | None = None
    """Another market than the one under test."""
    key: str | None = "right"
    """``right``, None for no key at all, or one of `WRONG_KEYS`: a name, so that no report shows a part of the key."""
    colon: str = ":"
    """How a colon is written in the path: as it is, or ``%3A``."""
    query_colon: str = ":"
    """The same for the query."""
    accept_encoding: str = "gzip"

    def but(self, **parameters: str | int | None) -> Question:
        """This question with some parameters set, or left out where they are None."""
        kept = tuple((name, value) for name, value in self.parameters if name not in parameters)
        added = tuple((name, str(value)) for name, value in parameters.items() if value is not None)
        return replace(self, parameters=kept + added)

    def target(self, market: str) -> str:
        """Path and query."""
        market = quote(market if self.market is None else self.market, safe=":").replace(":", self.colon)
        pairs = (f"{name}={quote(value, safe=':').replace(':', self.query_colon)}" for name, value in self.parameters)
        return f"{PATH.format(market_id=market)}?{'&'.join(pairs)}"


class Sender(Protocol):
    """What takes a question to the server."""

    def __call__(self, target: str, headers: dict[str, str]) -> Reply:
        """The reply, whatever it is."""


@dataclass(frozen=True)
class Door:
    """Where the server is, and the key to it."""

    base_url: str
    market: str
    key_header: str
    api_key: str = field(repr=False)

    def headers(self, question: Question) -> dict[str, str]:
        """What goes with a question. httpx alone would accept what happens to be installed, and a replay differ."""
        headers = {"Accept-Encoding": question.accept_encoding}
        if question.key is not None:
            headers[self.key_header] = self._key(question.key)
        return headers

    def _key(self, name: str) -> str:
        right = self.api_key
        wrong = ("not-a-key-of-anyone", right[:-1], f"{right}x", "")
        return {"right": right, **dict(zip(WRONG_KEYS, wrong, strict=True))}[name]

    def curl(self, question: Question) -> str:
        """``question`` for a shell, with the key left to a variable."""
        shown = {None: "", "right": f' -H "{self.key_header}: $ALLIUM_API_KEY"'}
        key = shown.get(question.key, f" -H '{self.key_header}: (a wrong key, {question.key})'")
        return f"curl -sS --compressed{key} '{self.base_url}{question.target(self.market)}'"


class Asker:
    """Asks, counts, and remembers: who asks what was asked before gets the answer that came then."""

    def __init__(self, door: Door, client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._door = door
        self._secret = ApiKey(door.api_key)
        self._client = client
        self._sleep = sleep
        self._replies: dict[Question, Reply] = {}
        self._answers: dict[int, Answer] = {}
        self.requests = 0

    @property
    def market(self) -> str:
        """The market under test."""
        return self._door.market

    @property
    def answers(self) -> list[Answer]:
        """Every answer so far that had to be one."""
        return list(self._answers.values())

    @property
    def replies(self) -> Iterator[tuple[Question, Reply]]:
        """Every question so far, with its latest reply."""
        yield from self._replies.items()

    def ask(self, question: Question, again: bool = False) -> Reply:
        """The reply to ``question``; with ``again`` it is sent anew even if it was asked before."""
        if again or question not in self._replies:
            self._replies[question] = self._send(question)
        return self._replies[question]

    def accepted(self, question: Question, window: Window | None = None, again: bool = False) -> Answer:
        """The answer to a question that the specification allows; `AssertionError` if it is refused.

        ``window`` is what the question means; it is needed where its text is not the plain one.
        """
        reply = self.ask(question, again)
        assert reply.status == 200, f"expected 200, got {reply}\n{reply.curl}"
        if id(reply) not in self._answers:
            self._answers[id(reply)] = self._answer(question, reply, window)
        return self._answers[id(reply)]

    def window(self, window: Window, limit: int | None = 5000, again: bool = False) -> Answer:
        """The answer to ``window``."""
        return self.accepted(window.question(limit), window, again)

    def refused(self, question: Question, statuses: range | tuple[int, ...] = range(400, 500)) -> Reply:
        """The reply to a question that has to be refused: of these statuses, and without items."""
        reply = self.ask(question)
        assert reply.status in statuses, f"expected a refusal ({_span(statuses)}), got {reply}\n{reply.curl}"
        assert b'"items"' not in reply.body, f"a refusal with items in it: {reply}\n{reply.curl}"
        return reply

    def _answer(self, question: Question, reply: Reply, window: Window | None) -> Answer:
        said = dict(question.parameters)
        if window is None:
            start, end = (times.parse(said[name]) for name in ("start_timestamp", "end_timestamp"))
            interval = next(interval for interval in INTERVALS if interval == said["interval"])
            window = Window(interval, start, end)
        market = self.market if question.market is None else question.market
        return Answer(reply, market, window.width, window.start, window.end, int(said.get("limit", 500)))

    def _send(self, question: Question) -> Reply:
        """One reply. A server that is asked too often says when to come back, and is obeyed."""
        reply = self._send_once(question)
        for _ in range(_PATIENCE):
            if reply.status != 429:
                break
            self._sleep(_wait(reply))
            reply = self._send_once(question)
        assert reply.status != 429, f"the server is asked too often\n{reply.curl}"
        return reply

    def _send_once(self, question: Question) -> Reply:
        curl = self._door.curl(question)
        if self.requests >= BUDGET:
            raise OverBudgetError(f"this run has made its {BUDGET} requests; not asked:\n{curl}")
        self.requests += 1
        url = httpx.URL(self._door.base_url)
        prefix = url.raw_path.rstrip(b"/")
        url = url.copy_with(raw_path=prefix + question.target(self.market).encode("ascii"))
        try:
            response = self._client.get(url, headers=self._door.headers(question))
        except httpx.HTTPError as error:
            problem = f"no answer ({type(error).__name__}: {self._secret.redact(str(error))})\n{curl}"
        else:
            headers = {name.lower(): self._secret.redact(value) for name, value in response.headers.items()}
            return Reply(response.status_code, headers, self._secret.redact_bytes(response.content), curl)
        raise AssertionError(problem)  # here, where no frame of the HTTP library shows its headers


def _wait(reply: Reply) -> float:
    seconds = reply.headers.get("retry-after", "")
    return min(float(seconds), _LONGEST_WAIT) if seconds.isdecimal() else 2.0


def _span(statuses: range | tuple[int, ...]) -> str:
    return "4xx" if isinstance(statuses, range) else " or ".join(map(str, statuses))
