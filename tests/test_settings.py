"""Limits and folders come from the environment, or are sane without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actrec.core import settings
from actrec.core.errors import ActrecError


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ACTREC_")]:
        monkeypatch.delenv(name)


def test_without_variables_the_defaults_hold() -> None:
    assert settings.limits() == settings.Limits(500, 900, 4096 * 2304, 40_000)


def test_a_variable_overrules_its_limit_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_MAX_MB", "1.5")
    monkeypatch.setenv("ACTREC_MAX_FRAMES", "100")
    assert settings.limits() == settings.Limits(max_mb=1.5, max_frames=100)


@pytest.mark.parametrize("text", ["many", "0", "-3", "nan", "inf"])
def test_a_limit_that_is_no_positive_number_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ACTREC_MAX_SECONDS", text)
    with pytest.raises(ActrecError, match=f"ACTREC_MAX_SECONDS='{text}'.*900"):
        settings.limits()


def test_folders_follow_their_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path / "mine"))
    monkeypatch.setenv("ACTREC_CLIPS", os.pathsep.join([str(tmp_path / "a"), "", str(tmp_path / "b")]))
    assert settings.cache() == tmp_path / "cache"
    assert settings.checkpoints() == tmp_path / "mine"
    assert settings.clip_folders() == (settings.assets() / "clips", tmp_path / "a", tmp_path / "b")


def test_sample_clips_are_offered_without_any_variable() -> None:
    assert settings.clip_folders() == (settings.assets() / "clips",)
    assert settings.assets().parent == Path(__file__).resolve().parent.parent


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in the system's list, and no HOME."""

    def nobody(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", nobody)
    monkeypatch.setattr(Path, "home", lambda: nobody(Path("~")))


@pytest.mark.usefixtures("homeless")
def test_without_a_home_directory_one_variable_is_named_and_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in (settings.cache, settings.checkpoints, settings.results):
        with pytest.raises(ActrecError, match=r"no home directory.*ACTREC_CACHE"):
            folder()
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path))
    assert [settings.cache(), settings.checkpoints(), settings.results()] == [tmp_path, tmp_path / "checkpoints", tmp_path / "results"]
    monkeypatch.setenv("ACTREC_CLIPS", "~nobody/clips")
    with pytest.raises(ActrecError, match="ACTREC_CLIPS"):
        settings.clip_folders()
