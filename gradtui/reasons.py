"""Why a program failed, in one line: the telling line among all that Python, torch and CUDA print.

A torch message has several lines, and the last ones are general advice ("Compile with `TORCH_USE_CUDA_DSA` ..."). The
telling line is the first one of the message.
"""

from __future__ import annotations

import re
import traceback

TRACEBACK = re.compile(r"(?:Original |Exception Group )?Traceback \(most recent call last\):")
ASIDE = re.compile(r"Exception ignored |Error in atexit\._run_exitfuncs|Exception in thread ")
"""Precedes a traceback that did not end the program."""
CHAINED = re.compile(r"During handling of the above exception, another|The above exception was the direct cause of")
GROUP = re.compile(r"^ *(?:\| ?|\+-\+-+ [0-9.]+ -+$|\+-+$|\+ (?=Exception Group))+")
"""Precedes each line of the traceback of an ExceptionGroup."""
NO_MESSAGE = re.compile(r"[\w.]+:")
ENDED_BY_C = re.compile(r" *what\(\): +(?P<what>\S.*)|(?P<fatal>Fatal Python error: .*)|.*(?P<mps>failed assertion [`'].*)")

KERNEL_ASSERTION = re.compile(
    r"(?:(?P<function>\w+): )?(?:block: \[[0-9, ]+\],? thread: \[[0-9, ]+\],? )?Assertion [`'](?P<condition>.+?)[`'] failed"
)
"""``Loss.cu:250: nll_loss_forward: block: [0,0,0], thread: [5,0,0] Assertion `t >= 0 && t < n_classes` failed.``"""
ASSERTED = re.compile(r"device-side assert|HSA_STATUS_ERROR_EXCEPTION")

STICKY = re.compile(
    r"device-side assert|illegal (?:memory access|instruction|address)|misaligned address|unspecified launch failure"
    r"|hardware stack error|invalid program counter|launch timed out|uncorrectable (?:ECC|NVLink) error|GPU is lost"
    r"|fallen off the bus|HSA_STATUS_ERROR"
)
"""After such an error, everything that uses the GPU fails too, so the first of several errors counts."""

NCCL_SOURCE = re.compile(r"NCCL error in: \S+, ")
NCCL_LAST = re.compile(r"Last error:\n(?P<why>[^\n]+)")

ADVICE = (
    (
        re.compile(r"busy or unavailable"),
        "a run needs two processes on a GPU, and in exclusive-process mode it takes one: choose another --device, "
        "or have its administrator run nvidia-smi -c DEFAULT",
    ),
    (re.compile(r"uncorrectable ECC error"), "the GPU's memory has failed: choose another --device, or have this one reset"),
    (re.compile(r"GPU is lost|fallen off the bus"), "the machine has to be restarted to use this GPU"),
    (re.compile(r"no kernel image is available|invalid device function"), "this build of torch does not support this GPU"),
    (re.compile(r"driver version is insufficient"), "update the GPU's driver, or install a torch built for an older one"),
    (re.compile(r"launch timed out"), "the GPU also drives a screen, whose watchdog ends long kernels"),
)
"""What the user can do about an error, if its message does not say."""


def telling_line(text: str) -> str:
    """The line that says why, from an exception as Python prints it, or from the end of a log. Empty if there is none.

    In a log with tracebacks, it is the message of the one that ended the program, whatever was printed after it; else
    what C++ printed when it aborted; else the last line.
    """
    lines = _lines(text)
    found = _of_tracebacks(lines) or _of_c(lines) or (lines[-1] if lines else "")
    return explained(found, text)


def aborted_because(text: str) -> str:
    """Why C++, or Python itself, aborted, from the end of a log. Empty if it does not say."""
    return explained(_of_c(_lines(text)) or "", text)


def reason_of(error: BaseException) -> str:
    """The line that says why, for an exception that ends a program."""
    if isinstance(error, SystemExit):
        try:
            text = str(error.code)
        except Exception:  # noqa: BLE001 (the user's own object makes the text)
            text = type(error.code).__name__
        return next((line.strip() for line in text.splitlines() if line.strip()), "")
    shown = "".join(traceback.format_exception(error))
    if not TRACEBACK.search(shown):  # an error that was never raised, or a SyntaxError of the program itself
        shown = f"Traceback (most recent call last):\n{shown}"
    return telling_line(shown) or type(error).__name__


def explained(line: str, printed: str) -> str:
    """Add to a line what else is known: the kernel assertion that ``printed`` names, or what the user can do about it."""
    line = line.strip()
    if "NCCL error in:" in line:
        line = NCCL_SOURCE.sub("NCCL error: ", line)
        why = NCCL_LAST.search(printed)
        return f"{line}: {why['why'].strip()}" if why else line
    if ASSERTED.search(line) and (asserted := KERNEL_ASSERTION.search(printed)):
        where = f" in {asserted['function']}" if asserted["function"] else ""
        said = f"`{asserted['condition']}` failed{where}"
        return line if said in line else f"{line}: {said}"
    advice = next((advice for known, advice in ADVICE if known.search(line)), None)
    return f"{line}; {advice}" if advice is not None and advice not in line else line


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.splitlines()]
    if "Exception Group Traceback" in text:
        lines = [GROUP.sub("", line) for line in lines]
    return [line for line in lines if line]


def _of_tracebacks(lines: list[str]) -> str | None:
    """The message of the traceback that ended the program."""
    chain: list[str] = []
    asides: list[str] = []
    starts = [i for i, line in enumerate(lines) if TRACEBACK.match(line)]
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(lines)
        message = _message(lines[start + 1 : end])
        if not message:
            continue
        before = lines[start - 1] if start else ""
        if ASIDE.match(before):
            asides.append(message)
        elif CHAINED.match(before):
            chain.append(message)
        else:
            chain = [message]
    if not chain:
        return asides[0] if asides else None
    return next((message for message in chain if STICKY.search(message)), chain[-1])


def _message(lines: list[str]) -> str:
    """The first line of the message that follows the frames."""
    for i, line in enumerate(lines):
        if line[0].isspace():
            continue
        if NO_MESSAGE.fullmatch(line) and i + 1 < len(lines):  # the message begins with an empty line
            return f"{line} {lines[i + 1].strip()}"
        return line
    return ""


def _of_c(lines: list[str]) -> str | None:
    """What C++, or Python itself, printed when it aborted."""
    for line in lines:
        if found := ENDED_BY_C.match(line):
            return found["what"] or found["fatal"] or found["mps"] or line
    return next((line for line in lines if STICKY.search(line)), None)
