"""Numbered steps that bring the ledger of any earlier release forward; `wuyu service upgrade` takes them.

``ledger_info`` holds the number under the key ``schema``: "10" means that steps 0001 to 0010 were taken. To add one:

1. Change the models, and raise `wuyu.ledger.schema.SCHEMA_VERSION` by one.
2. Write ``versions/m0013_what_it_does.py`` with ``revision = "0013"``, ``down_revision = "0012"`` and an ``upgrade()``
   of Alembic operations (``from alembic import op``). It must not import the models, which go on changing, and it must
   leave the tables as the models describe them, with the same names of constraints and indexes (`wuyu.ledger.models`).
   A column that may not be empty needs a value for the rows that are there: ``server_default=`` in step and model.
3. Look at tests/wuyu/ledger/test_migrations.py: it compares the steps with the models, upgrades ledgers of every
   release (the corpus) and kills the upgrade at every statement. Let tests/wuyu/ledger/make_corpus.py add a ledger of
   the release that is left behind.

The whole way is one transaction with foreign keys unchecked until its end, so ``op.batch_alter_table`` may rebuild a
table of SQLite; it drops the table's triggers, which the upgrade then makes anew. There is no way back but the copy.
"""
