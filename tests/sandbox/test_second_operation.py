"""A second, made-up operation under every reading: no interval, one signed amount, other names, times as numbers.

`FUNDING_RATES` is generated from a made-up page. `RATES` goes further: nothing of it has the name or value that it has
in open interest, which shows that the sandbox takes everything from the contract.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import SandboxError
from allium_market_data.model.intervals import DAY, HOUR, MINUTE, ceil
from allium_market_data.model.times import from_micros
from allium_market_data.sandbox import DEFAULT_API_KEY, Reading, Samples, create_app, reading_named, running
from allium_market_data.sandbox.answer import Row, respond
from allium_market_data.sandbox.endpoint import SandboxEndpoint, SandboxRequest, SandboxResponse
from allium_market_data.sandbox.faults import FAULTS, running_with_faults
from allium_market_data.sandbox.faults.bodies import shifted
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.query import parse_query
from allium_market_data.sandbox.samples import connect
from allium_market_data.sandbox.source import Sample, Source, insert
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST, DecimalField, Operation
from support.funding_rates import CONTRACT, FUNDING_RATES
from support.sandbox_requests import label_of, parameters_for, path_of
from support.strategies import ROW_READINGS

RATES = replace(
    OPEN_INTEREST,
    name="made_up_rates",
    path="/made-up/{symbol}/rates",
    market_parameter="symbol",
    interval_parameter=None,
    start_parameter="from",
    end_parameter="until",
    limit_parameter="most",
    intervals=("1h",),
    interval_model=None,
    window_cap=3 * DAY,
    limit_minimum=2,
    limit_maximum=70,
    limit_default=30,
    items_field="rates",
    market_field="of",
    timestamp_field="it's at",
    timestamp_format="epoch-milliseconds",
    decimals=(DecimalField("rate%'s", "rate", True, "a fraction"),),
)
OPERATIONS = [RATES, replace(RATES, timestamp_format="iso-8601"), FUNDING_RATES.operation]
MARKET = "own:perp:X"
MAY = parse_instant("2026-05-01")
DATABASE = connect()

rates = st.sampled_from(["0", "-0.00010000", "0.0001", "-7", "-12.50"]) | st.decimals(-1, 1, places=8).map(
    "{:f}".format
)
moments = st.integers(-5, 80 * 60).map(lambda minute: MAY + minute * MINUTE)
histories = st.lists(st.tuples(moments, rates), min_size=1, max_size=40)
readings = st.sampled_from([Reading(), *(reading_named([name]) for name in ROW_READINGS)])


def samples_of(samples: list[Sample], operation: Operation = RATES) -> Samples:
    def fill(connection: object, table: str) -> None:
        insert(connection, table, samples, ("BIGINT", "VARCHAR"))

    return Samples(DATABASE, [Source(MARKET, "file", "", fill)], operation=operation)


def expected(samples: list[Sample], start: int, end: int, reading: Reading) -> list[Row]:
    """Label and rate of each hour, by the definitions of `readings`, without limits."""
    at: dict[int, str] = dict(samples)  # a repeated instant: the later one wins
    stop = end + reading.end_inclusive
    rows: list[Row] = []
    for bucket in range(MAY - 2 * HOUR, ceil(max(end, *at), HOUR) + HOUR, HOUR):
        label = bucket + HOUR if reading.label == "end" else bucket
        first, last = bucket, bucket + HOUR
        if reading.cut == "samples":
            first, last = max(first, start), min(last, stop)
            is_selected = first < last
        else:
            around = reading.start_bucket and reading.label == "start" and bucket <= start < bucket + HOUR
            is_selected = start <= label < stop or around
        inside = [t for t in at if first <= t < last]
        carried = [t for t in at if t < last] if reading.empty == "carried" and bucket <= max(at) else []
        if is_selected and (inside or carried):
            rows.append((label, at[max(inside or carried)]))
    return rows


def answer(
    samples: list[Sample], parameters: dict[str, str], reading: Reading, operation: Operation
) -> SandboxResponse:
    endpoint = SandboxEndpoint(samples_of(samples, operation), reading, "key")
    return endpoint(SandboxRequest(MARKET, urlencode(parameters).encode(), b"key"))


def parsed(response: SandboxResponse, operation: Operation) -> list[tuple[int, Decimal]]:
    items = httpx.Response(200, content=response.body).json()[operation.items_field]
    assert {item[operation.market_field] for item in items} <= {MARKET}
    labels = [label_of(item, operation) for item in items]
    return list(zip(labels, (Decimal(item[operation.decimals[0].name]) for item in items), strict=True))


@given(histories, moments, st.integers(1, RATES.window_cap), readings, st.sampled_from(OPERATIONS))
def test_rows_follow_the_definitions_under_every_reading(
    samples: list[Sample], start: int, length: int, reading: Reading, operation: Operation
) -> None:
    first, last = (from_micros(instant).isoformat() for instant in (start, start + length))
    parameters = parameters_for(None, first, last, operation.limit_maximum, operation)
    response = answer(samples, parameters, reading, operation)
    rows = expected(samples, start, start + length, reading)
    most = operation.limit_maximum
    rows = rows[-most:] if reading.keep == "latest" else rows[:most]
    rows = rows[::-1] if reading.order == "descending" else rows
    assert parsed(response, operation) == [(label, Decimal(rate)) for label, rate in rows]


HOURLY = [(MAY + hour * HOUR, f"-0.{hour:04}") for hour in range(100)]


def hourly(**values: Any) -> SandboxResponse:
    parameters = parameters_for(None, "2026-05-01", "2026-05-04", operation=RATES)
    return answer(HOURLY, {**parameters, **values}, Reading(), RATES)


def test_names_and_values_are_written_as_the_contract_says() -> None:
    response = hourly(most="2")
    assert response.body == (
        b'{"rates":[{"of":"own:perp:X","it\'s at":1777593600000,"rate%\'s":"-0.0000"},'
        b'{"of":"own:perp:X","it\'s at":1777597200000,"rate%\'s":"-0.0001"}]}'
    )


@pytest.mark.parametrize(("most", "rows"), [(None, 30), ("70", 70), ("2", 2)])
def test_limits_are_those_of_the_contract(most: str | None, rows: int) -> None:
    assert len(parsed(hourly(**({"most": most} if most else {})), RATES)) == rows


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"most": "1"}, ("most", "Input should be greater than or equal to 2")),
        ({"most": "71"}, ("most", "Input should be less than or equal to 70")),
        ({"until": "2026-05-04T00:00:01Z"}, ("until", "The query window is capped at 3 days")),
        ({"until": "2026-05-01"}, ("until", "Input should be after from")),
        ({"from": "soon"}, ("from", "Input should be an ISO 8601 date or time: not an ISO 8601 date or time")),
    ],
)
def test_problems_name_the_parameters_of_the_contract(parameters: dict[str, str], problem: tuple[str, str]) -> None:
    response = hourly(**parameters)
    (detail,) = httpx.Response(response.status, content=response.body).json()["detail"]
    assert (detail["loc"][-1], detail["msg"]) == problem


def test_an_interval_is_an_unknown_parameter() -> None:
    assert hourly(interval="never", limit="never").body == hourly().body


def test_several_operations_of_a_package_are_served_together() -> None:
    rates, interest = CONTRACT.FUNDING_RATES, CONTRACT.OPEN_INTEREST
    window = ("2026-05-01", "2026-05-02")
    with (
        Samples.open(operation=interest) as samples,
        running(create_app([samples, samples_of(HOURLY, rates)])) as url,
        httpx.Client(base_url=url, headers={KEY_HEADER: DEFAULT_API_KEY}) as client,
    ):
        hours = client.get(path_of("hl:perp:SOL-USDC", interest), params=parameters_for("1h", *window))
        funding = client.get(path_of(MARKET, rates), params=parameters_for(None, *window, operation=rates))
        document = client.get("/openapi.json").json()
    assert len(hours.json()[interest.items_field]) == len(funding.json()[rates.items_field]) == 24
    assert funding.headers["x-sandbox-data"] == "file"
    assert set(document["paths"]) == {interest.path, rates.path}


def test_operation_with_naive_times_of_another_zone_is_refused() -> None:
    with pytest.raises(SandboxError, match="made_up_rates says Europe/Paris"):
        create_app(samples_of(HOURLY, replace(RATES, naive_time="Europe/Paris")))


def test_files_have_the_columns_of_the_operation(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("market_id,ts,funding\nown:perp:X,2026-05-01,-0.00012\nown:perp:X,2026-05-01T01:00Z,-1e-05\n")
    with Samples.open([file], columns=["rate=funding"], operation=RATES) as samples:
        assert [source.market_id for source in samples.sources] == ["own:perp:X"]
        query = parse_query(b"from=2026-05-01&until=2026-05-02", RATES)
        body = respond(MARKET, query, Reading(), samples.history(MARKET), RATES)
        assert [rate for _, rate in parsed(SandboxResponse(200, body), RATES)] == [
            Decimal("-0.00012"),
            Decimal("-0.00001"),
        ]
    file.write_text(file.read_text() + "own:perp:X,2026-05-02,--1\n")
    with pytest.raises(SandboxError, match="line 4, column funding: '--1': not a plain decimal"):
        Samples.open([file], columns=["rate=funding"], operation=RATES)


@pytest.mark.parametrize("name", ["cap-head", "stale-later"])
def test_faults_know_the_names_of_the_operation(name: str) -> None:
    endpoint = SandboxEndpoint(samples_of(HOURLY), Reading(), "key")
    fault = replace(FAULTS[name], after=0, times=None)
    window = {"from": "2026-05-01", "until": "2026-05-02"}
    with running_with_faults(endpoint, [fault]) as server:
        got = httpx.get(server.url + path_of(MARKET, RATES), params=window, headers={KEY_HEADER: "key"})
    first = label_of(got.json()["rates"][0], RATES)
    request = SandboxRequest(MARKET, urlencode(window).encode())
    assert first == (MAY if name == "cap-head" else parse_query(shifted(request, 1, RATES).query_string, RATES).start)
