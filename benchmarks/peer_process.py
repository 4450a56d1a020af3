"""A peer in its own process, as its users run it: PyTorch's default layout and allocator, none of our settings.

The process waits for a line, does one run and prints how long it took, so that its runs can alternate with ours.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path


class PeerProcess:
    """Runs `python <script> <arguments>`, which must end in `serve`."""

    def __init__(self, script: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # closing its input ends it

    def run(self, name: str) -> float:
        """Seconds of one run of what the script serves under `name`."""
        to_peer, from_peer = self._process.stdin, self._process.stdout
        assert to_peer is not None
        assert from_peer is not None
        to_peer.write(f"{name}\n")
        to_peer.flush()
        answer = from_peer.readline()
        if not answer:
            raise SystemExit("the peer's process ended; see above")
        return float(answer)


def serve(functions: Mapping[str, Callable[[], float]]) -> None:
    """Answers each line, a name, with the seconds that its function returns, until the input ends."""
    for line in sys.stdin:
        print(functions[line.strip()](), flush=True)
