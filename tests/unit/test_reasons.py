"""The reason that is given is the line that tells, whatever else Python, torch, CUDA and a script have printed."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from gradtui.reasons import aborted_because, reason_of, telling_line

CUDA_TAIL = (
    "\nSearch for `cudaErrorUnknown' in https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html for more "
    "information.\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might "
    "be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
OLD_CUDA_TAIL = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call,so the stacktrace below might be incorrect."
    "\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1."
)
HIP_TAIL = (
    "\nHIP kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect."
    "\nFor debugging consider passing AMD_SERIALIZE_KERNEL=3"
    "\nCompile with `TORCH_USE_HIP_DSA` to enable device-side assertions.\n"
)
STACK = (
    "\nException raised from c10_cuda_check_implementation at /pytorch/c10/cuda/CUDAException.cpp:44 (most recent call first):"
    "\nframe #0: c10::Error::Error(c10::SourceLocation, std::string) + 0x80 (0x7f in /site-packages/torch/lib/libc10.so)"
    "\nframe #1: <unknown function> + 0x1d4 (0x7f in /lib/x86_64-linux-gnu/libc.so.6)\n"
)
FRAMES = (
    'Traceback (most recent call last):\n  File "train.py", line 9, in <module>\n    loss.backward()\n    ~~~~~~~~~~~~~^^\n'
)
ASSERTIONS = "".join(
    f"/pytorch/aten/src/ATen/native/cuda/Loss.cu:245: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], "
    f"thread: [{thread},0,0] Assertion `t >= 0 && t < n_classes` failed.\n"
    for thread in range(40)
)
INDEXING = (
    "/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1553: indexSelectLargeIndex: block: [9,0,0], thread: [0,0,0] "
    "Assertion `srcIndex < srcSelectDimSize` failed.\n"
)

ONE_LINE = [
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: unspecified launch failure",
    "CUDA error: misaligned address",
    "CUDA error: an illegal instruction was encountered",
    "CUDA error: invalid device ordinal",
    "CUDA error: initialization error",
    "CUDA error: unknown error",
    "CUDA error: out of memory",
    "CUDA driver error: device not ready",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k, &alpha, a, lda, b, ldb)`",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "No CUDA GPUs are available",
    "HIP error: an illegal memory access was encountered",
    "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB).",
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.77 GiB of which 14.75 GiB is free.",
]


@pytest.mark.parametrize("tail", ["", CUDA_TAIL, OLD_CUDA_TAIL, HIP_TAIL, CUDA_TAIL + STACK])
@pytest.mark.parametrize("message", ONE_LINE)
@pytest.mark.parametrize("kind", ["RuntimeError", "torch.AcceleratorError"])
def test_of_a_message_of_torchs_it_is_the_first_line(kind: str, message: str, tail: str) -> None:
    expected = f"{kind}: {message}"
    assert telling_line(f"epoch 1\n{FRAMES}{expected}{tail}") == expected
    assert telling_line(f"{FRAMES}{expected}{tail}\nwandb: View run at https://example.org\nbye\n") == expected
    error = RuntimeError(message + tail)
    assert reason_of(error) == f"RuntimeError: {message}"
    assert (
        aborted_because(f"terminate called after throwing an instance of 'c10::AcceleratorError'\n  what():  {message}{tail}")
        == message
    )


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", "exclusive-process mode"),
        ("CUDA error: all CUDA-capable devices are busy or unavailable", "nvidia-smi -c DEFAULT"),
        ("CUDA error: uncorrectable ECC error encountered", "choose another --device"),
        ("Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.", "restarted"),
        ("CUDA error: no kernel image is available for execution on the device", "does not support this GPU"),
        ("HIP error: invalid device function", "does not support this GPU"),
        ("CUDA error: CUDA driver version is insufficient for CUDA runtime version", "driver"),
        ("CUDA error: the launch timed out and was terminated", "watchdog"),
    ],
)
def test_what_can_be_done_is_said_once(message: str, advice: str) -> None:
    line = telling_line(f"{FRAMES}torch.AcceleratorError: {message}{CUDA_TAIL}")
    assert line.startswith(f"torch.AcceleratorError: {message}; ")
    assert advice in line
    assert "\n" not in line
    assert len(line) < 300
    assert telling_line(line) == line


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        (ASSERTIONS, "`t >= 0 && t < n_classes` failed in nll_loss_forward_reduce_cuda_kernel_2d"),
        (INDEXING, "`srcIndex < srcSelectDimSize` failed in indexSelectLargeIndex"),
    ],
)
def test_the_assertion_of_a_kernel_is_named(printed: str, names: str) -> None:
    error = "torch.AcceleratorError: CUDA error: device-side assert triggered"
    assert telling_line(f"{printed}{FRAMES}{error}{CUDA_TAIL}") == f"{error}: {names}"
    assert telling_line(f"{FRAMES}{error}{CUDA_TAIL}") == error
    assert telling_line(f"{FRAMES}ValueError: bad\n{printed}") == "ValueError: bad"
    aborted = f"{printed}terminate called after throwing an instance of 'c10::Error'\n  what():  CUDA error: device-side assert"
    assert aborted_because(f"{aborted} triggered{CUDA_TAIL}") == f"CUDA error: device-side assert triggered: {names}"


def test_of_errors_after_a_sticky_one_it_is_the_first() -> None:
    second = "\nDuring handling of the above exception, another exception occurred:\n\n"
    first = f"{FRAMES}torch.AcceleratorError: CUDA error: an illegal memory access was encountered{CUDA_TAIL}"
    text = f"{first}{second}{FRAMES}RuntimeError: cuDNN error: CUDNN_STATUS_MAPPING_ERROR\n"
    assert telling_line(text) == "torch.AcceleratorError: CUDA error: an illegal memory access was encountered"
    handled = (
        f"{FRAMES}torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.{second}{FRAMES}ValueError: no batch\n"
    )
    assert telling_line(handled) == "ValueError: no batch"


def test_of_nccl_it_is_the_last_error_that_tells() -> None:
    text = (
        "[rank0]: torch.distributed.DistBackendError: x\n"
        f"{FRAMES}torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1691, "
        "unhandled system error (run with NCCL_DEBUG=INFO for details), NCCL version 2.19.3\nncclSystemError: System call (e.g."
        " socket, malloc) or external library call failed or device error. \nLast error:\nsocketStartConnect: Connect to "
        "10.0.0.1<5000> failed : Connection refused\n"
    )
    assert telling_line(text) == (
        "torch.distributed.DistBackendError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details), "
        "NCCL version 2.19.3: socketStartConnect: Connect to 10.0.0.1<5000> failed : Connection refused"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n  \n", ""),
        ("no such file: x", "no such file: x"),
        ("one\ntwo\n", "two"),
        ("| loss | 3 |", "| loss | 3 |"),
        ("usage: train.py [-h]\ntrain.py: error: the following arguments are required: x\n", "train.py: error: the following "
         "arguments are required: x"),
        (f"{FRAMES}MemoryError\n", "MemoryError"),
        (f"{FRAMES}RuntimeError: \n  the second line tells\n  more\n", "RuntimeError: the second line tells"),
        ('  File "x.py", line 1\n    (\n    ^\nSyntaxError: \'(\' was never closed\n', "SyntaxError: '(' was never closed"),
        (f"Exception ignored in: <function F.__del__ at 0x7f>\n{FRAMES}OSError: late\n", "OSError: late"),
        (f"{FRAMES}ValueError: bad\nException ignored in: <function F.__del__ at 0x7f>\n{FRAMES}OSError: late\n",
         "ValueError: bad"),
        (f"{FRAMES}ValueError: bad\nException in thread Thread-3 (_pin_memory_loop):\n{FRAMES}EOFError\n", "ValueError: bad"),
        (f"{FRAMES}KeyError: 'handled'\ngoing on\n{FRAMES}ValueError: bad\n", "ValueError: bad"),
        (f"{FRAMES}RuntimeError: Caught IndexError in DataLoader worker process 0.\nOriginal {FRAMES}IndexError: list index "
         "out of range\n\n", "IndexError: list index out of range"),
        ("step 1\nFatal Python error: Segmentation fault\n\nCurrent thread 0x7f:\n  File ...\n",
         "Fatal Python error: Segmentation fault"),
    ],
)  # fmt: skip
def test_of_a_log(text: str, expected: str) -> None:
    assert telling_line(text) == expected


SCRIPTS = {
    "raise ValueError('first\\nsecond')": "ValueError: first",
    "error = ValueError('first'); error.add_note('a note\\nof two lines'); raise error": "ValueError: first",
    "try: 1 / 0\nexcept ZeroDivisionError as e: raise KeyError('x') from e": "KeyError: 'x'",
    "try: 1 / 0\nexcept ZeroDivisionError: raise KeyError('x')": "KeyError: 'x'",
    "import atexit; atexit.register(print, 'good bye'); raise ValueError('first')": "ValueError: first",
    "class Late:\n  def __del__(self): raise OSError('late')\nlate = Late(); raise ValueError('first')": "ValueError: first",
    "def f():\n  try: raise ValueError('first\\nsecond')\n  except ValueError as e: return e\n"
    "raise ExceptionGroup('several', [f()])": "ValueError: first",
    "def f(): f()\nf()": "RecursionError: maximum recursion depth exceeded",
    "raise SystemExit('no data\\nthere')": "there",
    "compile('(', 'x', 'exec')": "SyntaxError: '(' was never closed",
    "raise type('Odd', (Exception,), {'__module__': 'some.where'})": "some.where.Odd",
    "assert 1 == 2, '''\nthe values differ\nby one'''": "AssertionError: the values differ",
}


@pytest.mark.parametrize("script", [
    pytest.param(script, marks=pytest.mark.skipif(
        sys.version_info < (3, 11) and ("Group" in script or "note" in script), reason="new in Python 3.11"))
    for script in SCRIPTS
])  # fmt: skip
def test_of_what_python_itself_prints(script: str) -> None:
    code = textwrap.dedent(script)
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 1
    assert telling_line(done.stdout) == SCRIPTS[script]
    if "Late" not in script and "atexit" not in script:
        with pytest.raises(BaseException) as caught:  # noqa: PT011 (each script raises another)
            exec(code, {"__name__": "script"})
        expected = "no data" if isinstance(caught.value, SystemExit) else SCRIPTS[script]
        assert reason_of(caught.value).removeprefix("script.") == expected
