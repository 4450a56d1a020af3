"""Which of a reader's tasks have come up: tasks are read in their order, and none before its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row


def has_come_up(tasks: Sequence[Row[Any]], name: str, ahead: int = 0) -> bool:
    """Whether the task has an answer, or is among the first of those without one: the next one and `ahead` after it.

    `tasks`: all of one reader in order, with `versions`, the number of answers (`Store.tasks_of`). False for a task
    that is not among them.
    """
    waiting = [task.task for task in tasks if not task.versions][: 1 + ahead]
    return name in waiting or any(task.task == name and task.versions for task in tasks)
