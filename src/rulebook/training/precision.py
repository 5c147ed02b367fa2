"""Arithmetic on purpose: threads, TF32 both ways, bfloat16 autocast, cuDNN's choices, memory in large pages."""

from __future__ import annotations

import os

import torch

from rulebook.training.config import Training
from rulebook.training.faults import Fault


def choose_device(name: str) -> torch.device:
    """'auto' is the first CUDA device where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise Fault(f"There is no device '{name}': use --device cpu, cuda or cuda:1.") from error
    if device.type not in ("cpu", "cuda"):
        raise Fault(f"Rulebook trains on cpu and cuda, not on '{name}'.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise Fault("This machine has no CUDA device that torch can use: train with --device cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Fault(f"There is no device '{name}': this machine has {torch.cuda.device_count()} CUDA device(s).")
    return device


def set_arithmetic(training: Training) -> None:
    """Threads, TF32, the choice of CUDA's convolutions and pages of memory, for the whole process."""
    # A training step takes and frees hundreds of megabytes: in pages of 4 KiB, a sixth of its time on a CPU is spent on
    # page faults. torch reads this once, at its first large tensor.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    torch.set_num_threads(training.threads)
    torch.backends.cuda.matmul.allow_tf32 = training.tf32
    torch.backends.cudnn.allow_tf32 = training.tf32
    # A run that goes on must meet the same convolutions: none that add up in any order, none chosen by a stopwatch.
    # Kernels outside of cuDNN that add up in any order stay (the gradient of bilinear upscaling is one): a refusal of
    # all of them (torch.use_deterministic_algorithms) would refuse the thesis's decoders.
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def rounds_fast(device: torch.device) -> bool:
    """Whether this processor multiplies faster in bfloat16: GPUs do, and CPUs with tile registers (AMX). On a CPU that
    has bfloat16 instructions and no tiles, VIM's training step takes a fifth to a third longer than in float32."""
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return device.type == "cuda" or bool(able.get("amx_bf16", False))


def rounded(training: Training, device: torch.device) -> bool:
    """Whether products are rounded to bfloat16: where the settings allow it and it saves time."""
    return training.bf16 and rounds_fast(device)


def autocast(training: Training, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=rounded(training, device))
