"""The store of readers, tasks and answers: every access to the database, one transaction each."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select

from sightline.annotate import adjudication, log, sessions, task_log
from sightline.annotate.answers import Submitted
from sightline.annotate.assignment import PlannedTask
from sightline.annotate.branch_store import BranchStore
from sightline.annotate.schema import acceptance, branch, drawing, person, pin, plan, reader, session, submission, task
from sightline.annotate.security import hash_of, new_token
from sightline.annotate.sessions import LINK_LASTS, moment

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # of pseudonyms: none that is mistaken for another


class Store(BranchStore):
    """An open store; its methods may be called from several threads."""

    # the study

    def begun_plan(self) -> dict[str, Any] | None:
        """The plan with which the store was begun and when (`made_at`), or None for a new store."""
        with self._reading() as db:
            row = db.execute(select(plan)).one_or_none()
        return {**json.loads(row.content), "made_at": row.made_at} if row else None

    def begin(self, content: Mapping[str, Any]) -> None:
        """Stores the plan, which never changes afterwards."""
        with self._writing() as db:
            db.execute(plan.insert().values(one=1, made_at=moment(), content=json.dumps(content, sort_keys=True)))

    # readers

    def invite(
        self,
        name: str,
        planned: Callable[[int, dict[str, int]], Sequence[PlannedTask]],
        lasts: timedelta = LINK_LASTS,
    ) -> tuple[str, str]:
        """Adds a reader with tasks; returns pseudonym and invite token. `name` says who is invited and may be empty.

        `lasts`: how long the personal link opens the page.

        `planned`: slot, and number of readers assigned to each image so far -> the tasks in order. The slot is the
        lowest free one.
        """
        token = new_token()
        with self._writing() as db:
            taken = set(db.scalars(select(reader.c.slot).where(reader.c.slot.is_not(None))))
            slot = next(number for number in range(len(taken) + 1) if number not in taken)
            known = set(db.scalars(select(reader.c.reader)))
            pseudonym = next(new for new in _pseudonyms() if new not in known)
            db.execute(
                reader.insert().values(
                    reader=pseudonym,
                    slot=slot,
                    token_hash=hash_of(token),
                    invited_at=moment(),
                    link_ends_at=sessions.moment(lasts),
                )
            )
            db.execute(person.insert().values(reader=pseudonym, invited_as=name or None))
            log.append(db, log.ADMIN, "invitation", pseudonym)
            count = select(task.c.image, func.count().label("readers")).where(
                task.c.kind == "study", task.c.repeat == 0
            )
            coverage = {row.image: row.readers for row in db.execute(count.group_by(task.c.image))}
            tasks = planned(slot, coverage)
            db.execute(
                task.insert(),
                [
                    {
                        "task": secrets.token_hex(12),
                        "reader": pseudonym,
                        "number": number + 1,
                        "image": item.image,
                        "kind": item.kind,
                        "repeat": item.repeat,
                    }
                    for number, item in enumerate(tasks)
                ],
            )
        return pseudonym, token

    def renew_invite(self, pseudonym: str, lasts: timedelta = LINK_LASTS) -> str | None:
        """A new invite token in place of the reader's old one; their sessions end. None for an unknown reader."""
        token = new_token()
        with self._writing() as db:
            changed = db.execute(
                reader.update()
                .where(reader.c.reader == pseudonym, reader.c.withdrawn_at.is_(None))
                .values(token_hash=hash_of(token), link_ends_at=sessions.moment(lasts))
            )
            sessions.close_sessions(db, pseudonym)
            if changed.rowcount:
                log.append(db, log.ADMIN, "new link", pseudonym)
        return token if changed.rowcount else None

    def choose_language(self, pseudonym: str, language: str) -> None:
        """Stores the language of the reader's page."""
        with self._writing() as db:
            db.execute(reader.update().where(reader.c.reader == pseudonym).values(language=language))

    def withdraw(self, pseudonym: str, by: str | None = None) -> bool:
        """Deletes all data of a reader; a row with the time of the withdrawal stays. False for an unknown reader.

        The log keeps the reader's invitation and withdrawal. `by`: who asked for it, the reader by default.

        The reader's sessions end. Until they would have ended anyhow, their devices learn why.
        """
        tasks = select(task.c.task).where(task.c.reader == pseudonym)
        with self._writing() as db:
            for table in (submission, branch, drawing):
                db.execute(table.delete().where(table.c.task.in_(tasks)))
            sessions.remember_withdrawn(db, pseudonym)
            for table in (task, session, person, pin, acceptance):
                db.execute(table.delete().where(table.c.reader == pseudonym))
            cleared = dict.fromkeys(
                [*("slot", "token_hash", "link_ends_at", "enrolled_at", "profession", "years", "language"),
                 *("consent_version", "consent_language")]
            )  # fmt: skip
            changed = db.execute(
                reader.update()
                .where(reader.c.reader == pseudonym, reader.c.withdrawn_at.is_(None))
                .values(**cleared, withdrawn_at=moment())
            )
            if changed.rowcount:
                log.forget(db, pseudonym)
                log.append(db, by or pseudonym, "withdrawal", pseudonym)
        if self._engine.dialect.name == "sqlite":  # the write-ahead log must not keep deleted data
            with self._engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
        return bool(changed.rowcount)

    # tasks

    def begin_round(self, images: Sequence[str]) -> list[tuple[str, str]]:
        """Begins a second round on the images, and logs it; see `adjudication.begin_round`."""
        with self._writing() as db:
            new = adjudication.begin_round(db, images)
            if new:
                log.append(db, log.ADMIN, "second round", f"{len(new)} readings")
        return new

    def others_masks(self, pseudonym: str, image: str) -> list[list[int]]:
        """Run lengths of the masks of other readers' newest first answers about a study image, without their names."""
        return [
            json.loads(row.counts)
            for row in self.submissions()
            if row.image == image and row.kind == "study" and row.repeat == 0 and row.counts and row.reader != pseudonym
        ]

    def tasks_of(self, pseudonym: str) -> Sequence[Row[Any]]:
        """All tasks of a reader in order; columns task, number, image, kind, repeat, versions (answers so far)."""
        with self._reading() as db:
            return db.execute(_tasks().where(task.c.reader == pseudonym).order_by(task.c.number)).all()

    def task(self, pseudonym: str, name: str) -> tuple[Row[Any], list[dict[str, Any]], Row[Any] | None] | None:
        """A task, its log of events and its newest answer; None if the task is not this reader's."""
        if "\0" in name:  # PostgreSQL refuses such a string
            return None
        with self._reading() as db:
            row = db.execute(_tasks().where(task.c.reader == pseudonym, task.c.task == name)).one_or_none()
            if row is None:
                return None
            newest = select(submission).where(submission.c.task == name).order_by(submission.c.version.desc()).limit(1)
            return row, task_log.log_of(db, name), db.execute(newest).one_or_none()

    def is_final(self, name: str) -> bool:
        """Whether the answer to a task can no longer be changed; see `task_log.is_final`."""
        with self._reading() as db:
            return task_log.is_final(db, name)

    def image_of(self, pseudonym: str, name: str) -> str | None:
        """The image of a task; None if the task is not this reader's."""
        if "\0" in name:  # PostgreSQL refuses such a string
            return None
        with self._reading() as db:
            return db.scalar(select(task.c.image).where(task.c.reader == pseudonym, task.c.task == name))

    def save_events(self, name: str, events: Sequence[Mapping[str, Any]]) -> int:
        """Appends events to a task's log and returns its length; see `task_log.append_events`."""
        with self._writing() as db:
            return task_log.append_events(db, name, events, at=moment())

    def submit(self, name: str, sent: Submitted) -> int:
        """Stores an answer as the task's next version and returns its number; see `task_log.append_answer`."""
        with self._writing() as db:
            return task_log.append_answer(db, name, sent, at=moment())

    def people(self) -> Sequence[Row[Any]]:
        """The key: pseudonym, name in the invitation, name and e-mail at enrolment. No export reads this."""
        with self._reading() as db:
            return db.execute(select(person).order_by(person.c.reader)).all()

    # for overview and export: nothing of `person`

    def readers(self) -> Sequence[Row[Any]]:
        """All readers, also withdrawn ones, in order of invitation, without names; `drew` and `came`: times or None."""
        last = (
            select(task.c.reader, func.max(drawing.c.received_at).label("drew"))
            .join(drawing)
            .group_by(task.c.reader)
            .subquery()
        )
        seen = (
            select(session.c.reader, func.max(func.coalesce(session.c.used_at, session.c.begun_at)).label("came"))
            .group_by(session.c.reader)
            .subquery()
        )
        query = (
            select(reader, last.c.drew, seen.c.came)
            .outerjoin(last, last.c.reader == reader.c.reader)
            .outerjoin(seen, seen.c.reader == reader.c.reader)
        )
        with self._reading() as db:
            return db.execute(query.order_by(reader.c.invited_at, reader.c.slot)).all()

    def tasks(self) -> Sequence[Row[Any]]:
        """All tasks of all readers; columns reader, task, number, image, kind, repeat, versions."""
        with self._reading() as db:
            return db.execute(_tasks().order_by(task.c.reader, task.c.number)).all()

    def submissions(self, only_newest: bool = True) -> Sequence[Row[Any]]:
        """Answers, all or the newest per task, with the task's reader, image, kind and repeat; by reader and number."""
        query = select(submission, task.c.reader, task.c.image, task.c.kind, task.c.repeat).join(task)
        if only_newest:
            newest = select(submission.c.task, func.max(submission.c.version).label("version")).group_by(
                submission.c.task
            )
            chosen = newest.subquery()
            query = query.join(
                chosen, (chosen.c.task == submission.c.task) & (chosen.c.version == submission.c.version)
            )
        with self._reading() as db:
            return db.execute(query.order_by(task.c.reader, task.c.number, submission.c.version)).all()

    def events(self, name: str) -> list[dict[str, Any]]:
        """A task's whole log."""
        with self._reading() as db:
            return task_log.log_of(db, name)


def _tasks() -> Select[Any]:
    versions = select(func.count()).where(submission.c.task == task.c.task).scalar_subquery().label("versions")
    return select(task, versions)


def _pseudonyms() -> Iterator[str]:
    while True:
        yield "r-" + "".join(secrets.choice(LETTERS) for _ in range(6))
