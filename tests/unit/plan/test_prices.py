"""A price file is read strictly, and a mistake is answered with its line and what to do."""

from pathlib import Path

import pytest

from domicile.ids import Country
from domicile.plan.prices import PriceError, Range, line_of, load_prices


def load(tmp_path: Path, text: str) -> object:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    return load_prices(file)


def test_the_one_shipped_is_made_up_and_has_every_price() -> None:
    prices = load_prices()
    assert prices.made_up
    assert prices.of(Country("RU"), "site", "setup") == Range(60_000, 180_000)
    assert prices.of(Country("RU"), "member", "revenue_year") is not None
    assert prices.converted(1_000_000, "RUB") == 10_000
    assert prices.converted(7, "EUR") == 7
    assert prices.converted(7, "JPY") is None


def test_one_countrys_own_price_wins_and_the_others_stay(tmp_path: Path) -> None:
    text = 'currency = "USD"\n[site]\nsetup = 5\nyear = [1, 2]\n[country.RU.site]\nyear = 9\n'
    prices = load(tmp_path, text)
    assert prices.of(Country("RU"), "site", "year") == Range(9, 9)  # type: ignore[attr-defined]
    assert prices.of(Country("RU"), "site", "setup") == Range(5, 5)  # type: ignore[attr-defined]
    assert prices.of(Country("DE"), "site", "year") == Range(1, 2)  # type: ignore[attr-defined]
    assert prices.of(Country("DE"), "people", "year") is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('currency = "EUR"\n[site]\nyeer = 3\n', 3, "`site.yeer`: unknown key; did you mean `year`?"),
        ('currency = "EUR"\n\n[sites]\nyear = 3\n', 3, "`sites`: unknown key; did you mean `site`?"),
        ('currency = "EUR"\n[site]\nyear = "much"\n', 3, "`site.year`: a price is a number"),
        ('currency = "EUR"\n[site]\nyear = [3]\n', 3, "two between which it lies"),
        ('currency = "EUR"\n[site]\nyear = -3\n', 3, "a price is a number"),
        ('currency = "EUR"\n[site]\nyear = nan\n', 3, "a price is a number"),
        ('currency = "EUR"\n[site]\nyear = true\n', 3, "a price is a number"),
        ('currency = "EUR"\n[site]\nyear = [9, 3]\n', 3, "9 is more than 3; the lower one stands first"),
        ('currency = "EUR"\n[country.XX.site]\nyear = 3\n', 2, "'XX' is no country"),
        ('currency = "EUR"\n[site]\nyear = 1\n[country.RU.site]\nyer = 3\n', 5, "did you mean `year`?"),
        ('currency = "EUR"\n[rates]\nRUB = 0\n', 3, "`rates.RUB`: what one unit is worth"),
        ('currency = "EUR"\n[rates]\nRU = 1\n', 3, "'RU' is no currency"),
        ('currency = "eur"\n', 1, "'eur' is no currency"),
        ('currency = "EUR"\nyears = 0\n', 2, "a number of years"),
        ('currency = "EUR"\nsite = 3\n', 2, "is a table, written [site]"),
        ("years = 3\n", 1, "`currency` is missing"),
        ('currency = "EUR"\n[site\n', 2, "this is not valid TOML"),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    with pytest.raises(PriceError) as caught:
        load(tmp_path, text)
    assert sentence in caught.value.detail
    assert caught.value.detail.startswith(f"prices.toml:{line}: ")
    assert caught.value.line == line


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="cannot be read"):
        load_prices(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PriceError, match="UTF-8"):
        load_prices(tmp_path / "binary.toml")


def test_the_line_of_a_key_in_an_inline_table_is_that_of_the_table() -> None:
    assert line_of('a = 1\nsite = { year = "x" }\n', ("site", "year")) == 2
