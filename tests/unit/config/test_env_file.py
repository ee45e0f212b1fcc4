"""`.env`: made once with random passwords, closed to others, read strictly."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from config import env_file
from core.errors import ConfigurationError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `.env` would lie; nothing is there."""
    path = tmp_path / ".env"
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(path))
    return path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def test_it_is_made_with_random_passwords_that_only_the_owner_reads(place: Path) -> None:
    assert env_file.create()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    values = env_file.read()
    assert (values["PGHOST"], values["PGPORT"], values["PGUSER"], values["PGDATABASE"]) == (
        "127.0.0.1",
        "5432",
        "warehouse",
        "warehouse",
    )
    assert values["ALERT_WEBHOOK_URL"] == ""
    secrets = [value for name, value in values.items() if name.endswith(("PASSWORD", "SECRET_KEY"))]
    assert len(secrets) == len(set(secrets)) == 5
    assert all(len(secret) >= 32 for secret in secrets)
    assert [path.name for path in place.parent.iterdir()] == [".env"]


def test_passwords_differ_from_one_file_to_the_next(place: Path) -> None:
    env_file.create()
    first = env_file.read()
    place.unlink()
    env_file.create()
    assert first["PGPASSWORD"] != env_file.read()["PGPASSWORD"]


def test_it_is_never_overwritten(place: Path) -> None:
    write(place, "PGHOST=elsewhere\n")
    assert not env_file.create()
    assert place.read_text(encoding="utf-8") == "PGHOST=elsewhere\n"


def test_of_many_at_once_one_makes_it(place: Path) -> None:
    made: list[bool] = []
    threads = [threading.Thread(target=lambda: made.append(env_file.create())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert [path.name for path in place.parent.iterdir()] == [".env"]


def test_a_folder_that_is_not_there_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(place.parent / "nowhere" / ".env"))
    with pytest.raises(ConfigurationError, match=r"nowhere/\.env cannot be written \(No such file or directory\)"):
        env_file.create()


def test_no_file_has_no_variables(place: Path) -> None:
    assert env_file.read() == {}
    assert not env_file.names_server()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_open_is_refused(place: Path, mode: int) -> None:
    write(place, "PGHOST=127.0.0.1\n", mode)
    with pytest.raises(ConfigurationError, match=rf"\(mode {mode:04o}\): run chmod 600 \.env"):
        env_file.read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PGHOST=127.0.0.1\n\nsome words\n", "line 3 is neither"),
        ("# a note\nPGPASSWORD\n", "line 2 is neither"),
        ("PGPASSWORD='open\n", "line 1 is neither"),
        ("PGPORT=1\n\n#\nPGPORT=2\n", "PGPORT comes twice, in line 1 and in line 4: keep one of them"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(place: Path, text: str, message: str) -> None:
    write(place, text)
    with pytest.raises(ConfigurationError, match=message):
        env_file.read()


def test_a_malformed_line_is_not_shown_for_it_may_hold_a_password(place: Path) -> None:
    write(place, "PGPASSWORD 'hunter2\n")
    with pytest.raises(ConfigurationError) as caught:
        env_file.read()
    assert "hunter2" not in str(caught.value)


def test_values_are_taken_as_they_are_written(place: Path) -> None:
    write(place, "# a note\nA=b=c#d\nexport B='x $HOME y'\n\nC=\n")
    assert env_file.read() == {"A": "b=c#d", "B": "x $HOME y", "C": ""}


def test_what_is_no_text_is_refused(place: Path) -> None:
    place.write_bytes(b"\xff\xfe\x00")
    place.chmod(0o600)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        env_file.read()
