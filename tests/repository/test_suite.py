"""The suite's own promises: a home for each test, the same draw each time, nothing skipped quietly in CI."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.conftest as suite


def test_each_test_has_an_empty_home_of_its_own(home: Path) -> None:
    assert list(home.iterdir()) == []
    assert Path.home() == home
    assert Path(os.environ["MAINSTAY_KEY_HOME"]).is_relative_to(home)
    assert Path(os.environ["XDG_CONFIG_HOME"]).is_relative_to(home)


@given(st.integers())
def test_properties_may_use_the_suite_as_it_is(number: int) -> None:
    assert number == int(str(number))


def test_the_suite_draws_the_same_examples_each_time() -> None:
    if os.environ.get("MAINSTAY_TEST_PROFILE", "suite") != "suite":
        pytest.skip("another profile was asked for")

    assert settings().derandomize
    assert settings().deadline is None


def test_a_present_program_is_found(require_binary: Callable[[str], str]) -> None:
    assert Path(require_binary("sh")).exists()


def test_a_missing_program_skips_on_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "IN_CI", False)

    with pytest.raises(pytest.skip.Exception, match="install-test-system-packages"):
        suite.demand_binary("no-such-program")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "IN_CI", True)

    with pytest.raises(pytest.fail.Exception, match="install-test-system-packages"):
        suite.demand_binary("no-such-program")
