"""Command lines of kernels are read as Jupyter, shells and wrappers mean them."""

from __future__ import annotations

import pytest

from pkgwidgets.core import kernel_commands

KERNEL = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
ASK = ("-I", "-c", "print(1)")


@pytest.mark.parametrize(
    ("command", "asking"),
    [
        (("/e/python", *KERNEL), ("/e/python", *ASK)),
        (("/e/python", "-X", "dev", "-W", "error", "-E", *KERNEL),
         ("/e/python", "-X", "dev", "-W", "error", "-E", *ASK)),
        (("/e/python", "-Im", "ipykernel", "-f", "x"), ("/e/python", *ASK)),
        (("/e/python", "-c", "from ipykernel.kernelapp import main; main()", "-f", "x"),
         ("/e/python", *ASK)),
        (("taskset", "-c", "0", "/e/python", *KERNEL), ("taskset", "-c", "0", "/e/python", *ASK)),
        (("env", "A=b", "/e/python", *KERNEL), ("env", "A=b", "/e/python", *ASK)),
        (("python", "-m", "runner", "/e", "/e/python", *KERNEL),
         ("python", "-m", "runner", "/e", "/e/python", *ASK)),
        (("python", "run.py", "/e/python", *KERNEL), ("python", "run.py", "/e/python", *ASK)),
        (("bash", "-lc", "exec '/e x/python' -m ipykernel_launcher -f {connection_file}"),
         ("bash", "-lc", "exec '/e x/python' -I -c 'print(1)'")),
        (("nice", "bash", "--norc", "-c", "python -m ipykernel"),
         ("nice", "bash", "--norc", "-c", "python -I -c 'print(1)'")),
    ],
)  # fmt: skip
def test_python_of_a_kernel_can_be_asked_instead(
    command: tuple[str, ...], asking: tuple[str, ...]
) -> None:
    assert kernel_commands.with_other_program(command, ASK) == asking
    assert kernel_commands.unsure_starter(command) == ""


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("-m", "ipykernel_launcher"),
        ("python", "run.py", "-f", "{connection_file}"),
        ("python", "-m", "launcher", "--host", "far", "-f", "{connection_file}"),
        ("python", "-m", "ipykernel", "install", "--user"),
        ("python", "-c", "print('ipykernel')"),
        ("bash", "-c", "source env/activate && exec python -m ipykernel_launcher"),
        ("bash", "-c", "$PYTHON -m ipykernel_launcher"),
        ("bash", "-c", "'python -m ipykernel_launcher"),
        ("bash", "start.sh", "{connection_file}"),
    ],
)
def test_command_whose_python_is_unsure_is_not_asked(command: tuple[str, ...]) -> None:
    assert kernel_commands.with_other_program(command, ASK) is None


@pytest.mark.parametrize(
    ("command", "starter"),
    [
        (("ssh", "host", "/usr/bin/python3", *KERNEL), "ssh"),
        (("/usr/bin/docker", "run", "image", "python", *KERNEL), "docker"),
        (("python", "-m", "tool", "singularity", "run", "i.sif", "python", *KERNEL), "singularity"),
        (("uv", "run", "--with", "jupyter", "python", *KERNEL), "uv"),
        (("bash", "-c", "sudo -u kim /usr/bin/python -m ipykernel"), "sudo"),
        (("bash", "-c", "cd /x;ssh far python -m ipykernel"), "ssh"),
    ],
)
def test_program_that_starts_python_elsewhere_is_named(
    command: tuple[str, ...], starter: str
) -> None:
    assert kernel_commands.unsure_starter(command) == starter


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (("/e/python", "-m", "ipykernel_launcher", "-f", "/tmp/tmpx.json"), "/tmp/tmpx.json"),
        (("/e/python", "-m", "ipykernel_launcher", "--f=/r/kernel-v3.json"), "/r/kernel-v3.json"),
        (("/e/python", "-m", "ipykernel", "--IPKernelApp.connection_file=a.json"), "a.json"),
        (("/e/python", "/e/bin/ipython", "kernel", "-f", "a.json"), "a.json"),
        (("/e/python", "-m", "bash_kernel", "-f", "/tmp/tmpx.json"), "/tmp/tmpx.json"),
        (("/e/python", "-c", "main()", "-f", "/r/kernel-1.json"), "/r/kernel-1.json"),
        (("/e/python", "/x/ipykernel_launcher.py", "-f", "a.json"), "a.json"),
        (("/e/python", "-m", "ipykernel_launcher"), ""),
        (("/e/python", "-m", "ipyparallel.engine"), ""),
        (("/e/python", "/e/bin/ipengine", "--debug"), ""),
        (("/e/python", "-m", "ipyparallel.engine.nanny"), None),
        (("/e/python", "-m", "ipyparallel.controller"), None),
        (("/e/python", "-m", "ipykernel", "install"), None),
        (("/e/python", "/e/bin/ipython", "-f", "a.json"), None),
        (("/e/python", "report.py", "-f", "settings.json"), None),
        (("/e/python", "-c", "import ipykernel; print(ipykernel.__version__)"), None),
        (("/e/python",), None),
        ((), None),
    ],
)
def test_connection_file_of_a_kernel_is_found(command: tuple[str, ...], file: str | None) -> None:
    assert kernel_commands.connection_file(command) == file


@pytest.mark.parametrize(
    ("command", "notebook"),
    [
        ("python /e/bin/papermill in.ipynb out.ipynb -p a 1", "in.ipynb"),
        ("python /e/bin/jupyter-execute --inplace a.ipynb", "a.ipynb"),
        ("python -m jupyter nbconvert --execute --to notebook --output b.ipynb a.ipynb", "a.ipynb"),
        ("python -m pytest --nbval tests/a.ipynb", "tests/a.ipynb"),
        ("python /e/bin/jupyter-execute a.ipynb b.ipynb", ""),
        ("python /e/bin/jupyter-lab a.ipynb", ""),
        ("python nightly.py", ""),
    ],
)
def test_executed_notebook_is_read_from_the_command(command: str, notebook: str) -> None:
    assert kernel_commands.executed_notebook(command.split()) == notebook
