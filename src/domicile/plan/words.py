"""Numbers of a plan in words, for the terminal and for the page."""


def in_bytes(number: float) -> str:
    """`3.3 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def in_time(seconds: float | None) -> str:
    """`under a second`, `40 s`, `12 min`, `3.5 h`; `unknown` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return "under a second"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def in_money(amount: float) -> str:
    """`1,250,000`, or `12.50` where cents matter."""
    return f"{amount:,.0f}" if amount >= 100 or abs(amount - round(amount)) < 0.005 else f"{amount:,.2f}"
