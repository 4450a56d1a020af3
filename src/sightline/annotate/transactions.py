"""A store's connection to its database: one transaction per access, for reading or for writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from sightline.annotate import schema, versions


class Transactions:
    """An open database; its methods may be called from several threads."""

    def __init__(self, url: str, new: bool = False) -> None:
        """`url`: in SQLAlchemy's form, `sqlite:////path/store.sqlite` or `postgresql+psycopg://...`.

        `new`: tables are created in an empty database. Raises what `versions.check` raises."""
        self._engine = schema.opened(url)
        self._writer = self._engine.execution_options(write=True)
        try:
            with self._writing() if new else self._reading() as db:
                versions.check(db, new)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._writer.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()
