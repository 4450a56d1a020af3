"""What Linux says of the processor, which decides precision and rounding: its name and its vector instructions."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

VECTOR_UNITS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")  # the first that a processor has decides its kernels


def cpu_flags() -> set[str]:
    """The instructions that the processor has, by Linux's names; empty elsewhere, and on processors of ARM."""
    return set(_field(_cpuinfo(), "flags").split())


def vector_unit() -> str:
    """The widest of VECTOR_UNITS that the processor has; empty where it has none or they are not known."""
    flags = cpu_flags()
    return next((name for name in VECTOR_UNITS if name in flags), "")


def cpu_name() -> str:
    """The processor's name with family and model, which differ where a virtual machine hides the name.

    Off Linux, and where there is no name, the kind of machine (`arm64`).
    """
    return named(_cpuinfo()) or platform.processor() or platform.machine()


def named(cpuinfo: str) -> str:
    """The name in a text of /proc/cpuinfo; empty where it has none.

    >>> named("cpu family : 6\\nmodel : 207\\nmodel name : Intel(R)  Xeon(R) Processor\\n")
    'Intel(R) Xeon(R) Processor (family 6, model 207)'
    """
    name = " ".join(_field(cpuinfo, "model name").split())
    family, model = _field(cpuinfo, "cpu family"), _field(cpuinfo, "model")
    return f"{name} (family {family}, model {model})" if name and family and model else name


def _field(cpuinfo: str, name: str) -> str:
    """The value of the first line of that name: the first processor's, since those of one machine are alike."""
    pairs = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")


@cache
def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""  # not Linux
