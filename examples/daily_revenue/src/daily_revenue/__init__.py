"""Revenue by route and day, from bookings."""

from daily_revenue.job import daily_revenue, main, publish

__all__ = ["daily_revenue", "main", "publish"]
