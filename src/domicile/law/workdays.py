"""How a jurisdiction counts days: its time zone, its weekend and its holidays."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from domicile.law.pack import Pack


class Calendar(Struct, frozen=True):
    """Civil days in a zone (IANA), the weekdays (0: Monday) and the days of the year (MM-DD) on which nobody works."""

    zone: str = "UTC"
    weekend: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[str] = frozenset()

    def works(self, day: date) -> bool:
        """Whether a day is a working day."""
        return day.weekday() not in self.weekend and day.strftime("%m-%d") not in self.holidays

    def working_day(self, first: date, count: int) -> date:
        """The working day that is `count` working days after a day; the day itself for none."""
        day = first
        while count:
            day += timedelta(days=1)
            count -= self.works(day)
        return day

    def day_of(self, moment: datetime) -> date:
        """The civil day of an instant."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> datetime:
        """The instant, in UTC, at which a civil day begins."""
        return _midnight(day, self.zone)


@lru_cache(maxsize=1024)
def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def calendar_of(pack: Pack) -> Calendar:
    """The calendar of a pack."""
    return Calendar(pack.time_zone, frozenset(pack.days_off), frozenset(pack.holidays))
