"""The command `sightline doctor`: a table for reports of faults, or the same as JSON; it changes nothing.

sightline doctor [--json]

The exit code is 1 where something that is required is broken, else 0.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from sightline.doctor.codecs import codecs
from sightline.doctor.finding import Finding, broken_names, printed
from sightline.doctor.machine import machine
from sightline.doctor.packages import packages
from sightline.doctor.places import places
from sightline.doctor.programs import programs
from sightline.doctor.study_code import study_code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's argument to its parser."""
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")


def run(arguments: argparse.Namespace) -> None:
    """Prints what was found; SystemExit with 1 where something required is broken."""
    findings = examined(Path.cwd())
    broken = broken_names(findings)
    if arguments.json:
        document = {"findings": [asdict(finding) for finding in findings], "broken": broken}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(printed(findings)))
    if broken:
        raise SystemExit(1)


def examined(folder: Path) -> list[Finding]:
    """Everything that is looked at, for the study or any other folder."""
    return [*packages(), *machine(), *codecs(), *programs(), *study_code(folder), *places(folder)]
