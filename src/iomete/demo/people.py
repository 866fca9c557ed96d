"""People who don't exist, and the seats that they booked on flights that did.

Everything here is synthetic: made with Faker from a fixed seed, the same at each run.
"""

from __future__ import annotations

import importlib.util
import random
import unicodedata
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from iomete.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]  # it has no types

SEED = 2013
CUSTOMERS = 1000
BOOKINGS = 20_000
COUNTRIES = {
    # country: Faker's locale, customers in a hundred
    "US": ("en_US", 60),
    "GB": ("en_GB", 12),
    "DE": ("de_DE", 10),
    "FR": ("fr_FR", 8),
    "ES": ("es_ES", 6),
    "PL": ("pl_PL", 4),
}
TIERS = {"basic": 70, "silver": 20, "gold": 8, "platinum": 2}
HOME_AIRPORTS = {"EWR": 36, "JFK": 33, "LGA": 31}
SEAT_CLASSES = {"economy": (80, 1.0), "premium": (13, 1.7), "business": (7, 3.4)}
BORN_AFTER, BORN_BEFORE = date(1933, 1, 1), date(1995, 1, 1)


def check_installed() -> None:
    """Raise if Faker isn't there.

    Raises:
        MissingExtraError: If the package isn't installed.
    """
    if importlib.util.find_spec("faker") is None:
        raise MissingExtraError("The demo", extra="demo")


def make_customers(schema: pa.Schema) -> pa.Table:
    """Return synthetic people, one a row, numbered from 1."""
    import pyarrow as pa
    from faker import Faker

    chance = random.Random(SEED)  # noqa: S311  # nothing here is secret
    fakers: dict[str, Any] = {}
    for number, (country, (locale, _)) in enumerate(COUNTRIES.items()):
        fakers[country] = Faker(locale)
        fakers[country].seed_instance(SEED + number)
    countries = _choose(chance, {name: share for name, (_, share) in COUNTRIES.items()}, CUSTOMERS)
    tiers = _choose(chance, TIERS, CUSTOMERS)
    homes = _choose(chance, HOME_AIRPORTS, CUSTOMERS)
    rows = []
    for customer_id in range(1, CUSTOMERS + 1):
        country = countries[customer_id - 1]
        faker = fakers[country]
        first, last = faker.first_name(), faker.last_name()
        rows.append(
            {
                "customer_id": customer_id,
                "name": f"{first} {last}",
                "email": email_of(first, last, customer_id),
                "phone": faker.phone_number(),
                "country": country,
                "date_of_birth": faker.date_between(BORN_AFTER, BORN_BEFORE),
                "loyalty_tier": tiers[customer_id - 1],
                "home_airport": homes[customer_id - 1],
            }
        )
    return pa.Table.from_pylist(rows, schema=schema)


def make_bookings(schema: pa.Schema, flights: pa.Table) -> pa.Table:
    """Return synthetic bookings on real flights, one seat a row, numbered from 1."""
    import pyarrow as pa

    chance = random.Random(SEED)  # noqa: S311  # nothing here is secret
    chosen = flights.take(sorted(chance.choices(range(flights.num_rows), k=BOOKINGS)))
    classes = _choose(chance, {name: share for name, (share, _) in SEAT_CLASSES.items()}, BOOKINGS)
    rows = []
    for position, flight in enumerate(chosen.to_pylist()):
        rows.append(
            {
                "booking_id": position + 1,
                "customer_id": chance.randint(1, CUSTOMERS),
                "flight_day": date(flight["year"], flight["month"], flight["day"]),
                "time_hour": flight["time_hour"],
                "carrier": flight["carrier"],
                "flight": flight["flight"],
                "origin": flight["origin"],
                "dest": flight["dest"],
                "seat_class": classes[position],
                "price": _price(chance, flight["distance"], classes[position]),
            }
        )
    return pa.Table.from_pylist(rows, schema=schema)


def email_of(first: str, last: str, number: int) -> str:
    """Return an address at a domain that RFC 2606 keeps for examples."""
    plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode()
    kept = "".join(c for c in plain.lower() if c.isalnum() or c == ".")
    return f"{kept}{number}@example.com"


def _choose(chance: random.Random, shares: dict[str, int], count: int) -> list[str]:
    return chance.choices(list(shares), weights=list(shares.values()), k=count)


def _price(chance: random.Random, distance_miles: int, seat_class: str) -> Decimal:
    fare = (45 + 0.12 * distance_miles) * SEAT_CLASSES[seat_class][1] * chance.uniform(0.7, 1.5)
    return Decimal(str(round(fare, 2)))
