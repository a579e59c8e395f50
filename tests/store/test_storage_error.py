"""Errors of the storage engine as messages: whole, on one line, without colour codes and keys."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import NoTableError, StoreError, UsageError
from allium_market_data.store import Table
from allium_market_data.store.storage import storage_errors, table_uri
from allium_market_data.store.storage_error import REDACTED, describe
from allium_market_data.store.table import peek_coverage

URI = "s3://bucket/oi"

words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)
causes = st.lists(st.lists(words, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=12)


def chain(*lines: str) -> str:
    """A chain of causes as the engine prints it, in colours, each deeper than the one before."""
    first, *others = lines
    return first + "".join(f"\n{' ' * (depth + 9)}\x1b[31m↳\x1b[0m {line}" for depth, line in enumerate(others)) + "\n"


@given(causes)
def test_a_message_holds_every_cause_in_order(lines: list[str]) -> None:
    assert describe(OSError(chain(*lines)), None, is_local=False).startswith(": ".join(lines))
    frames = "   0: <unknown>\n   1: start_thread\n             at ./nptl/pthread_create.c:442:8\n  10: clone3\n"
    assert "thread" not in describe(OSError(chain(*lines) + frames), None, is_local=False), "a backtrace"


@given(causes, st.text(min_size=1))
def test_a_message_is_one_printable_line(lines: list[str], noise: str) -> None:
    for is_local in (False, True):
        message = describe(OSError(chain(*lines, noise, "Not a directory (os error 20)")), None, is_local=is_local)
        assert message.isprintable()


@given(
    st.sampled_from(["AWS_SECRET_ACCESS_KEY", "aws_access_key_id", "AZURE_STORAGE_SAS_TOKEN", "session_token"]),
    st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=4, max_size=40),
    causes,
)
def test_a_message_never_holds_a_key(name: str, key: str, lines: list[str]) -> None:
    message = describe(OSError(chain(*lines, f"<{key}>")), {name: key, "AWS_REGION": "here"}, is_local=False)
    assert f"<{key}>" not in message
    assert REDACTED in message


@given(words, words)
def test_the_password_of_an_endpoint_is_not_shown(user: str, password: str) -> None:
    error = OSError(
        chain("Generic S3 error", f"Error performing GET http://{user}:{password}<@127.0.0.1:9/b/oi in 1ms")
    )
    with pytest.raises(StoreError) as caught, storage_errors(URI):
        raise error
    assert f"GET http://{REDACTED}@127.0.0.1:9/b/oi in 1ms" in str(caught.value)
    assert f"{password}<" not in "".join(traceback.format_exception(caught.value))


def test_keys_of_the_environment_are_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    with pytest.raises(StoreError) as caught, storage_errors(URI):
        raise OSError("signed with from-the-environment")
    assert "from-the-environment" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "aws_token"])
def test_a_key_with_a_line_end_is_refused_before_it_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = f"^{name} contains a line end or another control character: remove it$"
    with pytest.raises(UsageError, match=message):
        Table(URI, storage_options={name: "from a file with\r"})
    with pytest.raises(UsageError, match=message):
        peek_coverage(URI, {name: "from a file with\n"})
    monkeypatch.setenv(name.upper(), "from a file with\r")
    with pytest.raises(UsageError, match=f"(?i){message}"):
        Table(URI, create=True)
    with pytest.raises(NoTableError):
        Table("a-folder-that-is-not-there")


S3_ERROR = (
    '<?xml version="1.0" encoding="utf-8"?>\n<Error><Code>InvalidAccessKeyId</Code><Message>The access key does not '
    "exist.</Message><AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId><RequestId>long</RequestId></Error>"
)


def test_the_xml_of_an_s3_server_becomes_its_code_and_message() -> None:
    error = OSError(chain("Generic S3 error", "Server returned non-2xx status code", "403 Forbidden", S3_ERROR))
    assert describe(error, None, is_local=False) == (
        "Generic S3 error: Server returned non-2xx status code: 403 Forbidden: InvalidAccessKeyId: The access key does not "
        "exist.; check the keys, and that they allow the actions listed in store/README.md"
    )


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        ("NoSuchBucket: gone", "create the bucket, or check its name and the endpoint"),
        ("builder error: URL scheme is not allowed", "AWS_ALLOW_HTTP=true"),
        ("PUT http://169.254.169.254/latest/api/token", "no keys were found"),
        ("301 Moved Permanently", "AWS_REGION"),
        ("Received redirect without LOCATION, this normally indicates an incorrectly configured region", "AWS_REGION"),
    ],
)
def test_a_known_cause_comes_with_advice(cause: str, advice: str) -> None:
    assert advice in describe(OSError(chain("Generic S3 error", cause)), None, is_local=False)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKIA:SECRET@bucket/oi",
        "s3a://AKIA@bucket/oi/",
        "gs://:SECRET@bucket",
        "abfss://a:SECRET@account/x",
        "az://box/oi?sig=SECRET",
        "https://AKIA:@bucket/oi?X-Amz-Signature=SECRET",
    ],
)
def test_keys_in_a_uri_are_refused_and_not_shown(uri: str) -> None:
    with pytest.raises(UsageError, match="contains keys") as caught:
        Table(uri)
    assert "SECRET" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "oi",
        "/data/me@here/oi",
        "s3://bucket/a@b",
        "abfss://box@account.dfs.core/x",
        "file:///a@b",
        "file:///a?b",
        "/data/oi?",
    ],
)
def test_other_addresses_are_kept(uri: str) -> None:
    assert table_uri(f"{uri}/") == uri
