"""A log line tells where something went wrong and nothing about whom."""

import pytest
import structlog

from domicile.logs import configure_logs, places_of


@pytest.fixture(autouse=True)
def _restore() -> object:
    yield
    structlog.reset_defaults()


def test_an_exceptions_message_and_values_stay_out_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()

    def meet(secret: str) -> None:
        raise ValueError(f"no such member: {secret}")

    try:
        meet("canary@example.org")
    except ValueError:
        structlog.get_logger("test").exception("it failed", site="de-1")
    said = capsys.readouterr()
    assert said.out == ""
    assert 'event="it failed"' in said.err and "error=ValueError" in said.err and "meet:" in said.err
    assert "canary" not in said.err


def test_no_exception_has_no_places() -> None:
    assert places_of(None) == ""
