"""A published page is read as it is; anything else is an error that names the file."""

import json
from pathlib import Path

import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.fences import fences
from allium_market_data.codegen.page import Page, read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "spec/upstream/get-open-interest.md").read_bytes()
SMALL = (
    "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n  /a:\n    get: {responses: {'200': {description: d}}}\n"
)
SPACES = " " * 8
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "T", "version": "1"},
    "paths": {"/a": {"get": {"responses": {"200": {"description": "d"}}}}},
}


def page(text: str | bytes) -> Page:
    return read("p.md", text if isinstance(text, bytes) else text.encode())


def test_vendored_page() -> None:
    found = read("get-open-interest.md", PAGE)
    [part] = found.parts
    assert part.where == "get-open-interest.md (line 22)"
    assert found.operations == {("GET", "/api/v1/markets/{market_id}/perps/open_interest")}
    assert part.document["components"]["parameters"]["StartTimestamp"]["example"] == "2026-05-01T00:00:00Z"
    assert part.document["paths"]["/api/v1/markets/{market_id}/perps/open_interest"]["get"]["parameters"][1]["schema"][
        "enum"
    ] == ["1m", "5m", "15m", "1h", "4h", "1d"]
    assert "capped at **7 days**" in found.prose
    assert "paths:" not in found.prose
    assert found.prose.endswith("## OpenAPI\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark_do_not_matter(newline: str, mark: str) -> None:
    data = (mark + PAGE.decode().replace("\n", newline)).encode()
    assert read("x.md", data).parts[0].document == read("x.md", PAGE).parts[0].document


@pytest.mark.parametrize(
    "text",
    [
        f"```yaml\n{SMALL}```",
        f"~~~~ yml {{title=x}}\n{SMALL}~~~~~~  \n",
        f"````YAML _openapi/x.json GET /a\n{SMALL}\n````\nmore",
        f"   ```yaml\n   {SMALL.replace(chr(10), chr(10) + SPACES[:3])}\n  ```\n",
        f"- item\n\n      ```yaml\n      {SMALL.replace(chr(10), chr(10) + SPACES[:6])}\n      ```\n",
        f"<Tab>\n```yaml\n{SMALL}```\n</Tab>\n",
        f"<Tab>\n    ```yaml\n    {SMALL.replace(chr(10), chr(10) + SPACES[:4])}\n    ```\n</Tab>\n",
        f"```json\n{json.dumps(DOCUMENT, indent=2)}\n```\n",
        "```json\n" + json.dumps(dict(reversed(DOCUMENT.items()))) + "\n```\n",
        "```json\n" + json.dumps(DOCUMENT, indent="\t") + "\n```\n",
        f"```yaml\n{json.dumps(DOCUMENT)}\n```\n",
        f'```json\n{{"detail": ...}}\n```\n\n```yaml\nkey: [\n```\n\n```yaml\n{SMALL}```\n',
        f"---\ntitle: x\nopenapi: GET /a\n---\n\n```yaml\n{SMALL}```\n",
        f"`````markdown\n```yaml\nopenapi: [\n```\n`````\n```yaml\n{SMALL}```\n",
        SMALL,
        f"# comment\n---\n{SMALL}",
        json.dumps(DOCUMENT),
        f"  \n{json.dumps(DOCUMENT, indent=1)}\n",
    ],
)
def test_equivalent_pages_give_the_same_document(text: str) -> None:
    [part] = page(text).parts
    assert part.document == DOCUMENT


def test_shorter_fence_inside_a_block_is_part_of_it() -> None:
    text = f"````yaml\n{SMALL}x-note: |\n  ```yaml\n  openapi: no\n  ```\n````\n"
    assert page(text).parts[0].document["x-note"] == "```yaml\nopenapi: no\n```\n"


def test_bare_document_may_contain_fences() -> None:
    assert page(SMALL + "x-note: |\n  ```yaml\n  openapi: no\n  ```\n").parts[0].document["openapi"] == "3.1.0"


def test_each_openapi_block_is_a_part() -> None:
    found = page(f"```yaml\n{SMALL}```\n\n```yaml\n{SMALL.replace('/a', '/b')}```\n")
    assert [part.where for part in found.parts] == ["p.md (line 1)", "p.md (line 9)"]
    assert found.operations == {("GET", "/a"), ("GET", "/b")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.md: empty"),
        (" \n\t\n", "p.md: empty"),
        ("\ufeff", "p.md: empty"),
        (b"caf\xe9 openapi", "p.md: not UTF-8: byte 3 is 0xe9"),
        (SMALL.encode("utf-16"), "p.md: not UTF-8"),
        ("<!DOCTYPE html>\n<html><body>404</body></html>", "p.md: an HTML page"),
        ("\n<HTML lang='en'>", "p.md: an HTML page"),
        ("# Title\n\nJust prose.\n", "p.md: no OpenAPI block: no fenced block is marked"),
        ("```python\nopenapi: 3\n```\n", "p.md: no OpenAPI block"),
        ("```yaml\nkey: value\n```\n", "p.md: no OpenAPI block; none of its YAML or JSON blocks (line 1)"),
        ('{"detail": "Not found"}', "p.md: the document has no key `openapi`"),
        ("[]", "p.md: no OpenAPI block"),
        ('{"detail": "Not', "p.md: line 1: unreadable"),
        (f"```yaml\n{SMALL}", "p.md (line 1): the OpenAPI block is never closed"),
        (f"````yaml\n{SMALL}```\n", "p.md (line 1): the OpenAPI block is never closed"),
        (f"```yaml\n{SMALL}    ```\n", "p.md (line 1): the OpenAPI block is never closed"),
        ("x\n\n```yaml\nopenapi: 3.1.0\npaths: [\n```\n", "p.md (line 3): line 6: unreadable"),
        ("```yaml\nopenapi: 3.1.0\ninfo: {}\n```\n", "p.md (line 1): the document has no mapping `paths`"),
        ("```yaml\nopenapi: 3.1.0\npaths:\n```\n", "p.md (line 1): the document has no mapping `paths`"),
        ("```yaml\npaths: {/a: {}}\n```\n", "p.md (line 1): the document has no key `openapi`"),
        ("```yaml x/openapi.json\nkey: 1\n```\n", "p.md (line 1): the document has no key `openapi`"),
        ("```yaml openapi\n- 1\n```\n", "p.md (line 1): the OpenAPI document is not a mapping"),
        ("```yaml\nswagger: '2.0'\npaths: {}\n```\n", "p.md (line 1): Swagger 2.0 is not supported"),
        ("```yaml\nopenapi: 3.1\npaths: {}\n```\n", "p.md (line 1): OpenAPI 3.1 is not supported"),
        ("openapi: 4.0.0\npaths: {}\n", "p.md: OpenAPI 4.0.0 is not supported"),
        ("openapi: 3.1.0\npaths: {a: {}}\n", "p.md: `paths` has the entry 'a'"),
        ("openapi: 3.1.0\npaths: {/a: 1}\n", "p.md: `paths` has the entry '/a'"),
    ],
)
def test_invalid_page_is_an_error_with_name_and_reason(text: str | bytes, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        page(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("cut", range(700, len(PAGE), 397))
def test_truncated_page_is_an_error(cut: int) -> None:
    with pytest.raises(SpecError):
        read("x.md", PAGE[:cut])


def test_inline_code_does_not_open_a_block() -> None:
    assert list(fences("```yaml inline```\n~~~ok `x`\n~~~")) != []
    assert [block.language for block in fences("```yaml inline```\n~~~ok `x`\n~~~")] == ["ok"]


def test_fence_without_language() -> None:
    assert [block.language for block in fences("```\na\n```")] == [""]
