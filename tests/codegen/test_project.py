"""``update`` and ``generate`` on a copy of the specification: complete, repeatable, and without effect on failure."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from allium_market_data.cli.codegen import main
from allium_market_data.codegen import SpecError, package, project
from allium_market_data.codegen.file_tree import read as read_tree
from allium_market_data.codegen.lock import read as read_lock
from allium_market_data.codegen.overlay import OVERLAY
from support.pages import CANDLES

ROOT = Path(__file__).parents[2]
PAGE = "spec/upstream/get-open-interest.md"
DAY = dt.date(2030, 1, 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    shutil.copytree(ROOT / "spec", root / "spec")
    shutil.copytree(ROOT / project.PACKAGE, root / project.PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def command(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, "--root", str(root)])
        return status, *capsys.readouterr()

    return command


def test_committed_files_are_up_to_date(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    before = read_tree(root)
    assert run("generate", "--check") == (0, f"{project.PACKAGE} is up to date.\n", "")
    assert run("update")[1] == "The specification and the generated package are up to date.\n"
    assert run("generate")[1] == f"{project.PACKAGE} was up to date.\n"
    assert read_tree(root) == before


def test_update_restores_everything_but_pages_and_overlay(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    before = read_tree(root)
    shutil.rmtree(root / "generated")
    (root / project.DOCUMENT).unlink()
    status, output, _ = run("update")
    assert status == 0
    assert f"missing: {project.DOCUMENT}" in output
    assert read_tree(root) == before


@pytest.mark.parametrize("path", ["client.py", "models/interval.py", package.DOCUMENT, "py.typed"])
def test_check_names_an_edited_file(root: Path, run: Callable[..., tuple[int, str, str]], path: str) -> None:
    edited = root / project.PACKAGE / path
    edited.write_bytes(edited.read_bytes() + b"# by hand\n")
    status, output, error = run("generate", "--check")
    assert status == 1
    assert f"changed: {project.PACKAGE}/{path}" in output
    assert "-# by hand" in output
    assert error == "error: 1 file(s) differ from the output of `nox -s generate`\n"
    assert edited.read_bytes().endswith(b"# by hand\n")


def test_generate_reverts_an_edit(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    before = read_tree(root)
    (root / project.PACKAGE / "types.py").write_text("# by hand\n")
    assert run("generate")[:2] == (0, f"{project.PACKAGE} was changed.\n")
    assert read_tree(root) == before


def test_check_names_extra_and_missing_files(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    (root / project.PACKAGE / "more.py").write_text("")
    (root / project.PACKAGE / "types.py").unlink()
    output = run("generate", "--check")[1]
    assert f"extra: {project.PACKAGE}/more.py\nmissing: {project.PACKAGE}/types.py\n" in output


def test_edited_document_is_an_error(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    document = root / project.DOCUMENT
    document.write_text(document.read_text().replace("maximum: 5000", "maximum: 9000"))
    before = read_tree(root)
    for arguments in (["generate"], ["generate", "--check"]):
        status, _, error = run(*arguments)
        assert status == 1
        assert error.startswith("error: spec/openapi.yaml: does not match the pages in spec/upstream")
    assert read_tree(root) == before


def test_edited_overlay_changes_package_and_lock(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    overlay = root / OVERLAY
    overlay.write_text(overlay.read_text().replace("OpenInterestPage", "Answer"))
    assert run("generate")[0] == 0
    assert (root / project.PACKAGE / "models/answer.py").exists()
    assert not (root / project.PACKAGE / "models/open_interest_page.py").exists()
    locked = [read_lock((place / project.LOCK).read_text()) for place in (ROOT, root)]
    assert locked[0].merged == locked[1].merged
    assert locked[0].patched != locked[1].patched


def test_other_tool_versions_are_an_error(root: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    lock = root / project.LOCK
    lock.write_text(lock.read_text().replace('"openapi-python-client" = "', '"openapi-python-client" = "9.'))
    status, _, error = run("generate", "--check")
    assert status == 1
    assert "spec/lock.toml: was made with openapi-python-client 9." in error


def test_page_replaces_the_one_with_the_same_operations(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "downloaded.html.md"
    source.write_bytes((root / PAGE).read_bytes().replace(b"maximum: 5000", b"maximum: 6000"))
    project.plan_update(root, [str(source)], today=DAY, accept=True).apply()
    assert [path.name for path in (root / project.UPSTREAM).iterdir()] == ["get-open-interest.md"]
    assert (root / PAGE).read_bytes() == source.read_bytes()
    [page] = read_lock((root / project.LOCK).read_text()).pages
    assert page.retrieved == "2030-01-01"
    assert page.source == "https://docs.allium.so/api/developer/market-data/get-open-interest.md"
    before = read_tree(root)
    project.plan_update(root, [str(source)], today=DAY + dt.timedelta(1)).apply()
    assert read_tree(root) == before


def test_address_of_a_page_is_recorded(root: Path) -> None:
    data = (root / PAGE).read_bytes()
    address = "https://docs.example/x/get-open-interest?v=1/2#top"
    plan = project.plan_update(root, [address], today=DAY, read=lambda _: data)
    assert plan.differences() != []
    plan.apply()
    [page] = read_lock((root / project.LOCK).read_text()).pages
    assert (page.source, page.source_assumed) == (address, False)
    assert page.retrieved != "2030-01-01"


def test_new_page_adds_an_endpoint(root: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    source = tmp_path / "candles.md"
    source.write_text(CANDLES)
    before = read_tree(root)
    status, output, _ = run("update", "--from", str(source), "--dry-run")
    assert status == 0
    assert output.startswith("compatible: ")
    assert "\nWould change:\nmissing: generated/allium_market_data_wire/api/default/get_candles.py\n" in output
    assert read_tree(root) == before
    assert run("update", "--from", str(source))[0] == 0
    assert (root / project.UPSTREAM / "candles.md").read_text() == CANDLES
    assert run("generate", "--check")[0] == 0
    package_files = read_tree(root / project.PACKAGE)
    assert "api/default/get_candles.py" in package_files
    assert "models/candle_interval.py" in package_files


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"", b"", "empty"),
        (b"# Get", b"<html><body>", "an HTML page"),
        (b"````yaml", b"````text", "no OpenAPI block"),
        (b"X-API-KEY\n\n````", b"X-API-KEY\n", "the OpenAPI block is never closed"),
        (b"openapi: 3.1.0", b"openapi: [", "unreadable"),
        (b"/perps/open_interest:", b"/perpetuals/open_interest:", "--accept"),
        (b"summary: Get", b"operationId: get_open_interest\n      summary: Get", "already has this value"),
        (b"summary: Get", b"operationId: openInterest\n      summary: Get", "would replace 'openInterest'"),
        (b"/schemas/OpenInterest'", b"/schemas/Gone'", "which does not exist"),
        (b"          in: query\n          required: true", b"          in: body", "question(s)"),
    ],
)
def test_unusable_page_changes_nothing(
    root: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]], old: bytes, new: bytes, message: str
) -> None:
    data = (root / PAGE).read_bytes()
    bad = data.replace(old, new) if old else b""
    bad = bad.split(b"````yaml")[0] if message.startswith("an HTML") else bad
    (tmp_path / "get-open-interest.md").write_bytes(bad)
    before = read_tree(root)
    status, output, error = run("update", "--from", str(tmp_path / "get-open-interest.md"))
    assert status == 1
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in output + error
    assert read_tree(root) == before


def test_conflict_names_both_pages(root: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "candles.md").write_text(CANDLES.replace("X-API-KEY", "X-KEY"))
    status, _, error = run("update", "--from", str(tmp_path / "candles.md"))
    assert status == 1
    assert error.startswith("error: candles.md (line 3) and get-open-interest.md (line 22): differ at /components/")


def test_two_sources_for_one_page_are_an_error(root: Path, tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_bytes((root / PAGE).read_bytes())
    with pytest.raises(SpecError, match=r"a.md and .*b.md: would both be spec/upstream/get-open-interest.md"):
        project.plan_update(root, [str(tmp_path / "a.md"), str(tmp_path / "b.md")], today=DAY)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://x.example/a/get-open-interest", "get-open-interest.md"),
        ("https://x.example/a/page.md?x=1", "page.md"),
        ("https://x.example/a/page.mdx#y", "page.md"),
        ("https://x.example/openapi.json", "openapi.md"),
        ("some/folder/p.v2.md", "p.v2.md"),
        ("C:\\docs\\p.yaml", "p.md"),
    ],
)
def test_page_is_named_after_its_last_segment(source: str, name: str) -> None:
    assert project.file_name(source) == name


@pytest.mark.parametrize("source", ["https://x.example", "https://x.example/", "a/.md", "a/b c.md", "..", ""])
def test_source_without_a_name_is_an_error(source: str) -> None:
    with pytest.raises(SpecError, match="has no last segment"):
        project.file_name(source)


@pytest.mark.parametrize("missing", [OVERLAY, project.UPSTREAM])
def test_missing_specification_is_an_error(root: Path, run: Callable[..., tuple[int, str, str]], missing: str) -> None:
    place = root / missing
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    status, _, error = run("update")
    assert status == 1
    assert error.startswith(f"error: {missing}: ")


def test_missing_tool_says_what_to_install(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "TOOLS", ("no-such-distribution",))
    status, _, error = run("update")
    assert status == 1
    assert "install the dependency group `spec` and the extra `drift`" in error


@pytest.mark.parametrize("arguments", [[], ["update", "--check"], ["generate", "--from", "x"], ["other"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
