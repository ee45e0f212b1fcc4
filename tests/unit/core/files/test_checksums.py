"""Checksum files beside the data: what is understood, what is refused, with which words."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from core.errors import BadFileError
from core.files.checksums import checked_sha256, listed_in, without_checksum

NAME, OTHER = "green_tripdata_2022-01.parquet", "green_tripdata_2022-02.parquet"
HASH = sha256(b"trips").hexdigest()
WRONG = sha256(b"others").hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(b"trips")
    return path


def refusal(file: Path, downloaded: str | None = None) -> str:
    with pytest.raises(BadFileError) as caught:
        checked_sha256(file, downloaded)
    message = str(caught.value)
    assert message.isprintable()
    assert caught.value.exit_code == 4
    return message


def test_without_checksums_the_hash_is_all_there_is(file: Path) -> None:
    assert checked_sha256(file, None) == HASH
    assert without_checksum([file]) == []


@pytest.mark.parametrize("arguments", [(), ("--binary",), ("--text",)])
def test_what_sha256sum_writes_is_understood(file: Path, arguments: tuple[str, ...]) -> None:
    (file.parent / OTHER).write_bytes(b"of another month")
    (file.parent / "back\\slash").write_bytes(b"escaped")
    names = [OTHER, NAME, "back\\slash"]
    command = ["sha256sum", *arguments, *names]
    listed = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=True).stdout
    (file.parent / "SHA256SUMS").write_text(listed)
    assert checked_sha256(file, None) == HASH
    assert listed_in(file.parent, [*names, "absent"]) == {
        name: sha256((file.parent / name).read_bytes()).hexdigest() for name in names
    }
    file.write_bytes(b"Trips")
    assert f"SHA256SUMS says {HASH[:12]}..." in refusal(file)


@pytest.mark.parametrize(
    "line",
    [
        f"{HASH.upper()}  {NAME}",
        f"{HASH}  ./{NAME}\r",
        f"# by the night job\n\n{HASH} *{NAME}",
        f"\ufeff{HASH}  {NAME}\n{HASH}  {NAME}",
    ],
)
def test_other_spellings_are_understood(file: Path, line: str) -> None:
    (file.parent / "SHA256SUMS").write_text(line + "\n", encoding="utf-8", newline="")
    assert listed_in(file.parent, [NAME]) == {NAME: HASH}
    assert checked_sha256(file, None) == HASH


@pytest.mark.parametrize("content", [f"{HASH}\n", f"{HASH}  {NAME}\n", f"{WRONG}  {OTHER}\n{HASH}  {NAME}\n"])
def test_a_file_may_have_a_checksum_file_of_its_own(file: Path, content: str) -> None:
    (file.parent / f"{NAME}.sha256").write_text(content)
    assert checked_sha256(file, None) == HASH
    file.write_bytes(b"Trips")
    assert refusal(file).startswith(f"{NAME} is not the file that {NAME}.sha256 means")


def test_a_difference_is_told_with_both_hashes_and_a_way_on(file: Path) -> None:
    (file.parent / "SHA256SUMS").write_text(f"{WRONG}  {NAME}\n")
    assert refusal(file) == (
        f"{NAME} is not the file that SHA256SUMS means (its sha256 is {HASH[:12]}..., SHA256SUMS says "
        f"{WRONG[:12]}...): it was damaged on its way or replaced; get it again, or correct SHA256SUMS in "
        f"{file.parent} if this is the right file"
    )


def test_all_that_is_said_of_a_file_must_agree(file: Path) -> None:
    (file.parent / "SHA256SUMS").write_text(f"{HASH}  {NAME}\n")
    (file.parent / f"{NAME}.sha256").write_text(WRONG)
    assert f"{NAME}.sha256 says {WRONG[:12]}..." in refusal(file)
    (file.parent / f"{NAME}.sha256").unlink()
    assert "has changed since it was downloaded" in refusal(file, WRONG)
    assert checked_sha256(file, HASH) == HASH


def test_a_file_that_is_not_listed_is_named(file: Path) -> None:
    (file.parent / "SHA256SUMS").write_text(f"{HASH}  {OTHER}\n")
    assert checked_sha256(file, None) == HASH
    assert without_checksum([file, file.with_name(OTHER)]) == [NAME]
    (file.parent / f"{NAME}.sha256").write_text(HASH)
    assert without_checksum([file, file.with_name(OTHER)]) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"{HASH} {NAME}\n", "SHA256SUMS, line 1 is no checksum"),
        (f"{HASH}\n", "is no checksum"),
        (f"{HASH}  {OTHER}\n{HASH[:63]}  {NAME}\n", "SHA256SUMS, line 2 is no checksum"),
        (f"{HASH}0  {NAME}\n", "is no checksum"),
        (f"SHA256 ({NAME}) = {HASH}\n", "line 1 is no checksum"),
        (f"{'g' * 64}  {NAME}\n", "is no checksum"),
        ("<html>\x00\n", "line 1 is no checksum"),
        (f"{HASH}  {NAME}\n{WRONG}  {NAME}\n", "line 2: it has another hash of the file that line 1 names"),
        (f"{HASH}  two\x07bells\n{WRONG}  two\x07bells\n", "line 2: it has another hash of the file that line 1 names"),
    ],
)
def test_a_malformed_list_is_refused(file: Path, content: str, found: str) -> None:
    (file.parent / "SHA256SUMS").write_text(content)
    message = refusal(file)
    assert str(file.parent / "SHA256SUMS") in message
    assert found in message
    assert "delete" in message


def test_a_list_that_cannot_be_read_is_refused(file: Path) -> None:
    (file.parent / "SHA256SUMS").write_bytes(b"\xff\xfe" + HASH.encode("utf-16"))
    assert "SHA256SUMS cannot be read (it is no text in UTF-8)" in refusal(file)
    (file.parent / "SHA256SUMS").unlink()
    (file.parent / "SHA256SUMS").mkdir()
    assert "SHA256SUMS cannot be read (Is a directory)" in refusal(file)


@pytest.mark.parametrize("content", ["", f"{HASH}  {OTHER}\n"])
def test_a_checksum_file_that_speaks_of_others_only_is_refused(file: Path, content: str) -> None:
    (file.parent / f"{NAME}.sha256").write_text(content)
    assert f"{NAME}.sha256 says nothing of {NAME}: one line `<sha256>  {NAME}` is needed" in refusal(file)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    assert "cannot be opened (No such file or directory)" in refusal(tmp_path / NAME)
