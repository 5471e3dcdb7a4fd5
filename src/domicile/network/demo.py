"""The members that a demonstration logs in as: one a country, made by the seeding. Never in a real network."""

from domicile.ids import Country

DEMO_HANDLES: dict[Country, str] = {
    Country("DE"): "demo_de",
    Country("RU"): "demo_ru",
    Country("CN"): "demo_cn",
    Country("US"): "demo_us",
}
DEMO_PASSWORD = "domicile-demo"  # noqa: S105  printed by `up`, for networks without a real person in them
