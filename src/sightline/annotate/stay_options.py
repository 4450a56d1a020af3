"""Options of `serve` and `invite` that say how long links and sessions last, and which proxies are believed."""

from __future__ import annotations

import argparse
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from sightline.annotate.sessions import LINK_LASTS, Stay
from sightline.study.errors import StudyError

MAX_LOCK_MINUTES, MAX_DAYS = 1_440, 3_650


def add_stay_options(parser: argparse.ArgumentParser) -> None:
    """Adds --lock-after, --session-days and --trust-proxy to the parser of `serve`."""
    parser.add_argument(
        "--lock-after",
        type=float,
        default=(Stay.lock_after or timedelta()).total_seconds() / 60,
        metavar="MINUTES",
        help="without a sign of the reader, after which the page locks; 0: never (default %(default)g)",
    )
    parser.add_argument(
        "--session-days",
        type=float,
        default=Stay.lasts / timedelta(days=1),
        metavar="DAYS",
        help="after which a reader opens the personal link again (default %(default)g)",
    )
    parser.add_argument(
        "--trust-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address or network of a proxy whose X-Forwarded-For is believed; may be repeated (default: none)",
    )


def add_link_option(parser: argparse.ArgumentParser) -> None:
    """Adds --valid-days to the parser of `invite`."""
    parser.add_argument(
        "--valid-days",
        type=float,
        default=LINK_LASTS / timedelta(days=1),
        metavar="DAYS",
        help="how long the link opens the page (default %(default)g)",
    )


def stay_of(arguments: argparse.Namespace) -> Stay:
    """How long sessions stay open; StudyError for a number out of range."""
    if not 0 <= arguments.lock_after <= MAX_LOCK_MINUTES or 0 < arguments.lock_after < 1:
        raise StudyError(f"--lock-after: expected minutes from 1 to {MAX_LOCK_MINUTES:,}, or 0 for never")
    return Stay(
        lock_after=timedelta(minutes=arguments.lock_after) if arguments.lock_after else None,
        lasts=_days("--session-days", arguments.session_days),
    )


def link_lasts(arguments: argparse.Namespace) -> timedelta:
    """How long a new link opens the page; StudyError for a number out of range."""
    return _days("--valid-days", arguments.valid_days)


def proxy_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """uvicorn's settings: X-Forwarded-For counts from these proxies alone, by default from none, not even this machine.

    StudyError for what is no address.
    """
    for address in arguments.trust_proxy:
        try:
            ip_network(address)
        except ValueError as error:
            raise StudyError(f"--trust-proxy {address}: expected an IP address or a network ({error})") from None
    return {"proxy_headers": bool(arguments.trust_proxy), "forwarded_allow_ips": list(arguments.trust_proxy)}


def _days(option: str, days: float) -> timedelta:
    if not 0.05 <= days <= MAX_DAYS:
        raise StudyError(f"{option}: expected days from 0.05 to {MAX_DAYS:,}, got {days:g}")
    return timedelta(days=days)
