#!/usr/bin/env python3
"""Print the next high waters for Elsfleth from a known one in Bremerhaven."""

from datetime import datetime, timedelta

# The mean time between two high waters, half a lunar day.
TIDE_PERIOD = timedelta(hours=12, minutes=25, seconds=14)
# High water in Elsfleth comes this much later than in Bremerhaven.
ELSFLETH_OFFSET = timedelta(minutes=83)


def high_waters(known: datetime, count: int) -> list[datetime]:
    """Return the next `count` high waters in Elsfleth after a known one in Bremerhaven."""
    first = known + ELSFLETH_OFFSET
    return [first + i * TIDE_PERIOD for i in range(count)]


if __name__ == "__main__":
    for water in high_waters(datetime(2026, 7, 1, 4, 12), 8):
        print(water.strftime("%a %d %b %H:%M"))
