"""Device, precision and memory: set by the environment and the hardware, never by params.yaml."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from sightline.networks.processor import cpu_flags
from sightline.study.errors import StudyError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Architectures that train slower channels-last, in float32 on a CPU: a step of VGG-16 takes 1.2 times as long, steps of
# the others are faster (benchmarks/NOTES.md).
SLOW_BACKWARD = ("vgg16",)
RECORD_AFTER = 3  # calls: by then libraries have their workspaces and the optimizer its moments

N = TypeVar("N", bound=nn.Module)
Step = Callable[..., Tensor]


@dataclass(frozen=True)
class Machine:
    """Where and in what number format networks run."""

    device: torch.device
    precision: torch.dtype  # of autocast; float32 means no autocast
    layout: torch.memory_format = torch.channels_last

    @property
    def batches_at_once(self) -> int:
        """Batches augmented together: a GPU's host needs longer to start augmentation's many kernels than they run."""
        return 8 if self.device.type == "cuda" else 1

    @property
    def replays(self) -> bool:
        """Whether training steps are recorded; not in float16, where each step waits for a check of its gradients."""
        return self.device.type == "cuda" and self.precision != torch.float16

    def repeated(self, step: Step) -> Step:
        """`step`, a function of tensors that always have the same shapes; `replayed` where steps are recorded."""
        return replayed(step) if self.replays else step

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which forward passes run; it changes nothing in float32."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    def placed(self, network: N) -> N:
        """`network` moved to the device, in the layout; channels-last saves CPUs the reordering (up to 2x faster)."""
        return network.to(self.device, memory_format=self.layout)  # type: ignore[call-overload]

    def to_train(self, arch: str) -> Machine:
        """This machine with the layout in which `arch` trains fastest, for network and inputs alike."""
        is_slow = arch in SLOW_BACKWARD and self.device.type == "cpu" and self.precision == torch.float32
        return replace(self, layout=torch.contiguous_format) if is_slow else self


def replayed(step: Step) -> Step:
    """`step`, recorded as a CUDA graph in its fourth call and replayed from then on; the arithmetic stays the same.

    A step has many short kernels, which a host starts more slowly than a GPU runs them (benchmarks/NOTES.md). `step`
    must not wait for the device, and whatever changes from call to call must be in its arguments or in tensors that
    keep their place in memory. Each call overwrites the result of the call before.
    """
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    recorded_inputs: list[Tensor] = []
    recorded_result: list[Tensor] = []
    calls = 0

    def call(*inputs: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls <= RECORD_AFTER:
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                result = step(*inputs)
            torch.cuda.current_stream().wait_stream(stream)
            return result
        if not recorded_result:
            recorded_inputs.extend(tensor.clone() for tensor in inputs)
            with torch.cuda.graph(graph, stream=stream):
                recorded_result.append(step(*recorded_inputs))
        for recorded, tensor in zip(recorded_inputs, inputs, strict=True):
            recorded.copy_(tensor)
        graph.replay()
        return recorded_result[0]

    return call


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate; a tensor, which a recorded step reads, is filled where it lies."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def this_machine() -> Machine:
    """The machine that SIGHTLINE_DEVICE and SIGHTLINE_PRECISION name; by default the best available.

    Default precision: bfloat16 where the hardware multiplies it (CUDA from Ampere on, CPUs with AVX-512 BF16 or AMX),
    float16 on older CUDA devices, float32 elsewhere. Also sets up the process: freed memory blocks are kept, and
    kernels are the deterministic ones.
    """
    name = os.environ.get("SIGHTLINE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    wish = _precision_wish("SIGHTLINE_PRECISION")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise StudyError(f"SIGHTLINE_DEVICE={name}: not usable here ({str(error).splitlines()[0]})") from None
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # on which streams and recordings are made
    _keep_freed_blocks()
    _choose_deterministic_kernels()
    return Machine(device, wish or _best_precision(device))


def saliency_machine() -> Machine:
    """`this_machine` for saliency maps: float32 unless SIGHTLINE_SALIENCY_PRECISION says otherwise.

    bfloat16 is faster where the hardware multiplies it, but moves the peak of some maps (benchmarks/NOTES.md). In
    float32 on a GPU, PyTorch's default layout makes a forward pass a tenth faster.
    """
    machine = replace(this_machine(), precision=_precision_wish("SIGHTLINE_SALIENCY_PRECISION") or torch.float32)
    is_gpu_float32 = machine.device.type == "cuda" and machine.precision == torch.float32
    return replace(machine, layout=torch.contiguous_format) if is_gpu_float32 else machine


def _precision_wish(variable: str) -> torch.dtype | None:
    wish = os.environ.get(variable) or ""
    if wish and wish not in PRECISIONS:
        raise StudyError(f"{variable}={wish}: expected one of {', '.join(PRECISIONS)}")
    return PRECISIONS[wish] if wish else None


def _best_precision(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        # Without these instructions bfloat16 is emulated, and slower than float32.
        flags = {"avx512_bf16", "amx_bf16"}
        has_bf16 = flags & cpu_flags()
        return torch.bfloat16 if has_bf16 else torch.float32
    return torch.float32


def _keep_freed_blocks() -> None:
    """Makes glibc keep freed blocks: else each step maps and clears memory for its activations (up to 1.5x slower)."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
    if mallopt:
        trim_threshold, mmap_max = -1, -4
        mallopt(trim_threshold, -1)  # never return the end of the heap
        mallopt(mmap_max, 0)  # put large blocks on the heap too


def _choose_deterministic_kernels() -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms(True, warn_only=True), which also loads torch's compiler: 4 CPU seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # A few CUDA pooling gradients have no deterministic kernel (docs/reproducibility.md).
    warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
    # An optimizer that can be recorded takes its first steps unrecorded.
    warnings.filterwarnings("ignore", message=".*capturable=True.*")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # float32 keeps all its bits, not the first 10
