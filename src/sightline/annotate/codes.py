"""The codes with which the server refuses a request; the page has words for each, `error.<code>` in page/strings."""

from typing import Literal

Code = Literal[
    "already_enrolled",
    "already_recorded",
    "conflict",
    "consent_changed",
    "cross_site",
    "csrf",
    "disk_full",
    "failed",
    "final",
    "invalid_secret",
    "invalid_token",
    "malformed",
    "no_session",
    "no_task",
    "not_enrolled",
    "nothing_marked",
    "out_of_step",
    "refused",
    "too_large",
    "too_many",
    "too_wide",
    "unknown_host",
]
