"""Run migrations on the connection, and in the transaction, that `iomete.store` hands over.

Alembic executes this file. It reads no `alembic.ini` and configures no logging. The transaction
belongs to the caller, so Alembic neither begins nor commits: a migration happens as a whole, on
SQLite too, whose DDL is transactional.
"""

from __future__ import annotations

from alembic import context

from iomete.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
