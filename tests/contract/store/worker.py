"""What the contract tests run in processes of their own."""

import sys

import sqlalchemy as sa

from iomete.store import Store


def identify(url: str) -> None:
    with Store.open(url) as store:
        print(store.identity())  # the test reads it


def count(url: str, rounds: str) -> None:
    with Store.open(url) as store:
        for _ in range(int(rounds)):
            increment(store)


def reopen(url: str, rounds: str) -> None:
    for _ in range(int(rounds)):
        with Store.open(url) as store:
            increment(store)


def increment(store: Store) -> None:
    with store.write() as connection:
        value = connection.execute(sa.text("SELECT value FROM counter")).scalar_one()
        connection.execute(sa.text("UPDATE counter SET value = :v"), {"v": value + 1})


if __name__ == "__main__":
    {"count": count, "identify": identify, "reopen": reopen}[sys.argv[1]](*sys.argv[2:])
