"""Several files and folders are replaced as a whole or not at all."""

from pathlib import Path

import pytest

from allium_market_data.codegen.file_tree import compare, read, swap


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pkg/sub").mkdir(parents=True)
    (tmp_path / "pkg/a.py").write_bytes(b"old a")
    (tmp_path / "pkg/sub/b.py").write_bytes(b"old b")
    (tmp_path / "file").write_bytes(b"old file")
    (tmp_path / "gone").write_bytes(b"old gone")
    return tmp_path


CONTENTS = {
    "pkg": {"a.py": b"new a", "new/c.py": b"new c"},
    "file": b"new file",
    "made/here": b"new here",
    "gone": None,
}


def test_swap_replaces_files_folders_and_removes(root: Path) -> None:
    swap(root, CONTENTS)
    assert everything(root) == {
        "pkg/a.py": b"new a",
        "pkg/new/c.py": b"new c",
        "file": b"new file",
        "made/here": b"new here",
    }
    assert (root / "pkg").stat().st_mode & 0o777 == (root / "made").stat().st_mode & 0o777


@pytest.mark.parametrize("failing", range(1, 7))
@pytest.mark.parametrize("problem", [OSError("disk full"), KeyboardInterrupt()])
def test_failed_step_restores_the_old_files(
    root: Path, monkeypatch: pytest.MonkeyPatch, failing: int, problem: BaseException
) -> None:
    before = everything(root)
    rename, calls = Path.rename, []

    def sometimes(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == failing:
            raise problem
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", sometimes)
    with pytest.raises(type(problem)):
        swap(root, CONTENTS)
    monkeypatch.undo()
    assert everything(root) == before


def test_failed_write_changes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(root)

    def full(self: Path, data: bytes) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        swap(root, CONTENTS)
    assert everything(root) == before


def test_read_ignores_caches(root: Path) -> None:
    (root / "pkg/__pycache__").mkdir()
    (root / "pkg/__pycache__/a.pyc").write_bytes(b"")
    assert read(root / "pkg") == {"a.py": b"old a", "sub/b.py": b"old b"}
    assert read(root / "nowhere") == {}


def test_differences_are_listed_by_file() -> None:
    old = {"same": b"1", "extra": b"1", "text": b"a\nb\nc\n", "binary": b"\xff", "ends": b"a\r\n"}
    new = {"same": b"1", "missing": b"1", "text": b"a\nB\nc\n", "binary": b"\xfe\xfe", "ends": b"a\n"}
    report = compare(old, new)
    assert [line.splitlines()[0] for line in report] == [
        "changed: binary",
        "changed: ends",
        "extra: extra",
        "missing: missing",
        "changed: text",
    ]
    assert "  -b\n  +B" in report[-1]
    assert "1 bytes against 2" in report[0]
    assert "only line ends differ" in report[1]


def test_long_diff_is_shortened() -> None:
    [report] = compare({"a": b"\n".join(b"%d" % n for n in range(99))}, {"a": b""})
    assert len(report.splitlines()) < 20
    assert report.endswith("more lines")
