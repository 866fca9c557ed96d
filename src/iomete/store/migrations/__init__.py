"""The schema's history, run by `iomete.store` when it opens a database.

To change the schema:

1. Change the `tables.py` of the package that owns the table.
2. Add `versions/<number>_<what>.py` with `revision`, `down_revision` and `upgrade()`. Write the
   columns out: a migration that imports today's tables changes when they do. To change a table,
   use `op.batch_alter_table`, which SQLite needs.
3. Append the number to `iomete.store.schema.REVISIONS`.

The contract tests compare the two. There is no `downgrade()`: the way back is the copy that is
made before a migration.
"""
