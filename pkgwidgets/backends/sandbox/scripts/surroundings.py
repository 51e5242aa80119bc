"""Tell whether an import fails for want of something outside of the environment.

A part of other scripts, put before them as text. A module that needs a display, a variable or a
driver works in some processes of its environment and not in others.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_MISSING = (
    (
        r"\$DISPLAY|(cannot|could not|couldn't|unable to) (open|connect to)( X)? display"
        r"|bad display name|DisplayNameError|DisplayConnectionError|NoSuchDisplay"
        r"|failed to acquire X connection",
        "a display",
    ),
    (r"settings are not configured|DJANGO_SETTINGS_MODULE", "the variable DJANGO_SETTINGS_MODULE"),
    (r"^AppRegistryNotReady: ", "a configured Django project"),
    (
        r"lib(cuda|nvidia[\w-]*|nvcuvid|amdhip64|hsa-runtime64|ze_loader|OpenCL|GL|EGL|GLX|OpenGL"
        r"|vulkan)\.so[.\d]*: cannot open shared object file",
        "a library of a graphics driver",
    ),
    (
        # quoted from CUDA, PyTorch and CuPy
        r"no CUDA GPUs are available|no CUDA-capable device|found no NVIDIA driver"
        r"|CUDA driver (version is insufficient|initialization failed)|CUDA_ERROR_NO_DEVICE"
        r"|cudaErrorNoDevice|cudaErrorInsufficientDriver|NVMLError|no (HIP|ROCm) GPUs? ",
        "a GPU",
    ),
)
"""Patterns of error texts, and what is missing: nothing that an installer could install."""
_ENVIRON_CODE = type(os.environ).__getitem__.__code__
"""The function that raises for a missing variable."""
_DECIDED_ERRORS = (ImportError, AttributeError, NameError, SyntaxError, TypeError)
"""Errors that an earlier, handled error does not explain."""


def find_missing_surroundings(
    error: BaseException | None,
    environ_code: CodeType = _ENVIRON_CODE,
) -> str:
    """Return what an import lacks outside of the environment; "" if the cause is inside."""
    import re

    for _ in range(10):
        if error is None:
            break
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if (
            isinstance(error, KeyError)
            and frame is not None
            and frame.tb_frame.f_code is environ_code
        ):
            return f"the variable {str(error.args[0])[:100]}"
        text = f"{type(error).__name__}: {str(error)[:2000]}"
        for pattern, what in _MISSING:
            if re.search(pattern, text, re.IGNORECASE):
                return what
        handled = None if isinstance(error, _DECIDED_ERRORS) else error.__context__
        error = error.__cause__ or handled
    return ""
