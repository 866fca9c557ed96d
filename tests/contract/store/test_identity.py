import os
import pwd
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from iomete.errors import StoreCorruptError
from iomete.store import Store


def test_a_new_store_records_who_made_it_and_when(store: Store) -> None:
    identity = store.identity()
    assert uuid.UUID(identity.id).version == 4
    assert identity.created_by == pwd.getpwuid(os.geteuid()).pw_name
    assert identity.created_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - identity.created_at) < timedelta(minutes=5)


def test_the_creator_is_not_taken_from_the_environment(store_url: str, monkeypatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    with Store.open(store_url) as store:
        assert store.identity().created_by != "mallory"


def test_the_identity_outlives_the_store_object(store: Store) -> None:
    with Store.open(store.url) as again:
        assert again.identity() == store.identity()


def test_processes_that_open_a_new_store_at_once_agree(store_url: str, run_workers) -> None:
    assert len(set(run_workers("identify", store_url, processes=4))) == 1


def test_a_store_without_identity_is_damaged(store: Store) -> None:
    with store.write() as connection:
        connection.execute(sa.text("DELETE FROM lakehouse"))
    with pytest.raises(StoreCorruptError, match="0 identities"):
        store.identity()
