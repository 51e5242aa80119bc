"""What runs in the environment's own interpreter: text, because none of ours is there to import.

Each probe says what it finds in marked lines of JSON. What else is written goes to standard error.
"""

MARK = "pkgwidgets-trial:"

# `os.write` and what else is used later are kept: a module may do to `sys` whatever it likes.
_TALKING = """
import faulthandler, importlib, json, os, sys, time
with open(sys.argv[1], encoding="utf-8") as file:
    task = json.load(file)
out = os.dup(1)
os.dup2(2, 1)
watched = open(os.dup(2), "w")
def say(*what, mark=sys.argv[2], write=os.write, dumps=json.dumps):
    write(out, (mark + dumps(what) + "\\n").encode())
def words(error):
    return type(error).__name__ + ": " + str(error)[:500]
def watch(dump=faulthandler.dump_traceback_later, patience=task["patience"]):
    dump(patience, exit=True, file=watched)
"""

# Before anything was changed: what is staged comes before what it will replace, which is not seen,
# and what is compiled is kept apart, laid out like the prefix.
_BESIDE = """
def beside():
    from importlib.machinery import FileFinder, SourceFileLoader
    hidden, libraries = set(task["hidden"]), task["libraries"]
    find, keep, read = FileFinder.find_spec, SourceFileLoader.set_data, SourceFileLoader.get_data
    def both(folder):
        for live, staged in libraries:
            for root in (live, staged):
                if folder.startswith(root + os.sep):
                    inside = folder[len(root):]
                    return [f for f in (staged + inside, live + inside) if os.path.isdir(f)]
        return [folder]
    def find_left(self, name, target=None):
        spec = find(self, name, target)
        if spec is not None and spec.origin in hidden:
            return None
        if spec is not None and spec.loader is not None and spec.submodule_search_locations:
            # One folder afterwards: what others have in a package is found beside what is staged.
            spec.submodule_search_locations = both(spec.submodule_search_locations[0])
        return spec
    def apart(path):
        inside = [path[len(root):] for root in task["roots"] if path.startswith(root)]
        return task["compiled"] + inside[0] if inside and path.endswith(".pyc") else None
    def keep_apart(self, path, data, *, _mode=0o666):
        path = apart(path)
        if path is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            keep(self, path, data, _mode=_mode)
    def read_apart(self, path):
        kept = apart(path)
        return read(self, kept if kept is not None and os.path.exists(kept) else path)
    FileFinder.find_spec = find_left
    SourceFileLoader.set_data = keep_apart
    SourceFileLoader.get_data = read_apart
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in hidden:
            del sys.modules[name]
    for live, staged in libraries:
        sys.path.insert(sys.path.index(live) if live in sys.path else len(sys.path), staged)
        for module in list(sys.modules.values()):
            path = getattr(module, "__path__", None)
            if isinstance(path, list):
                path[:0] = [staged + p[len(live):] for p in path if p.startswith(live + os.sep)]
    for live, staged in libraries:
        if os.path.isdir(staged):
            for name in sorted(os.listdir(staged)):
                if name.endswith(".pth"):
                    start(name, staged)
def start(name, sitedir):  # what such files look up in the frame above them
    say("starting", name)
    watch()
    try:
        with open(os.path.join(sitedir, name), encoding="utf-8-sig") as file:
            for line in file:
                line = line.rstrip()
                if line.startswith(("import ", "import\\t")):
                    exec(line)
                elif line and not line.startswith("#"):
                    folder = os.path.join(sitedir, line)
                    if os.path.exists(folder) and folder not in sys.path:
                        sys.path.append(folder)
    except BaseException as error:
        say("not started", name, words(error))
    else:
        say("started", name)
if task["beside"]:
    beside()
"""

# One line before and one after each module, so that a crash or a hang names its culprit.
IMPORT_CHECK = (
    _TALKING
    + _BESIDE
    + """
clock, began = time.monotonic, time.monotonic()
for number, module in enumerate(task["modules"]):
    patience = task["patience"]
    if number >= task["needed"]:
        patience = min(patience, task["spare"] - (clock() - began))
        if patience <= 0:
            say("untried", module)
            continue
    say("trying", module)
    watch(patience=patience)
    try:
        importlib.import_module(module)
    except BaseException as error:
        say("failed", module, words(error))
    else:
        say("fine", module)
os._exit(0)
"""
)

# The kernel is a process of its own and gets the same ground under its feet. What it would read of
# the user's is in the folder of this trial instead.
START_KERNEL = (
    _TALKING
    + _BESIDE
    + """
if "connection" in task:
    sys.argv = ["ipykernel_launcher", "-f", task["connection"]]
    import runpy
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    os._exit(0)
import subprocess
here = os.getcwd()
for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
    os.environ[name] = os.path.join(here, name)
os.environ["JPY_PARENT_PID"] = str(os.getpid())
kernel = client = None
try:
    say("trying", "a kernel")
    from jupyter_client import BlockingKernelClient
    from jupyter_client.connect import write_connection_file
    task["connection"] = os.path.join(here, "kernel.json")
    write_connection_file(task["connection"], transport="ipc", ip=os.path.join(here, "k"))
    with open("kernel-task", "w", encoding="utf-8") as file:
        json.dump(task, file)
    errors = open("errors", "w+b")
    argv = [sys.executable, *task["flags"], "-c", task["source"], "kernel-task", "kernel:"]
    kernel = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    client = BlockingKernelClient(connection_file=task["connection"])
    client.load_connection_file()
    client.start_channels()
    until = time.monotonic() + task["patience"]
    while True:
        try:
            client.wait_for_ready(timeout=1)
            break
        except RuntimeError:
            if kernel.poll() is not None or time.monotonic() > until:
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").splitlines()
                told = [line for line in lines if line.strip() and not line.startswith("kernel:")]
                raise RuntimeError("it does not start: " + (told or ["without a word"])[-1])
    answer = client.execute("", user_expressions={"sum": "1+1"}, reply=True, timeout=30)
    found = answer["content"]["user_expressions"]["sum"]["data"]["text/plain"]
    say("fine" if found == "2" else "failed", "a kernel", "it answers " + repr(found) + " to 1+1")
except BaseException as error:
    said = str(error) if type(error) is RuntimeError else words(error)
    say("failed", "a kernel", said[:500])
finally:
    if kernel is not None:
        kernel.kill()
os._exit(0)
"""
)

# A kernel for a rehearsal: the same ground, without a history of its own and without a network.
# What Python itself opens is refused by an audit hook (PEP 578), which nothing can take away again.
REHEARSAL_KERNEL = (
    "import sys\ndel sys.path[0]\n"
    + _TALKING
    + _BESIDE
    + """
faulthandler.cancel_dump_traceback_later()
sys.dont_write_bytecode = False
def tied():
    import ctypes, signal
    library = ctypes.CDLL(None)
    if hasattr(library, "prctl"):
        library.prctl(1, signal.SIGKILL)
def alone():
    here = ("", "localhost", "::1", "0.0.0.0", "::", os.uname().nodename)
    def is_here(host):
        host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        return host is None or host in here or str(host).startswith("127.")
    def watch(event, args):
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            if not isinstance(args[1], tuple) or is_here(args[1][0]):
                return
        elif event not in ("socket.getaddrinfo", "socket.gethostbyname") or is_here(args[0]):
            return
        raise OSError(101, "Network is unreachable: a rehearsal has none")
    sys.addaudithook(watch)
def lent(folders, names):
    from importlib.machinery import PathFinder
    class Lent:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return PathFinder.find_spec(name, folders) if path is None and name in names else None
    sys.meta_path.append(Lent)
tied()
if task["alone"]:
    alone()
if task["lent"]:
    lent(*task["lent"])
# Processes that it starts see what is staged, though not that the old is hidden.
staged = [staged for live, staged in task["libraries"]]
kept = os.environ.get("PYTHONPATH")
if staged:
    os.environ["PYTHONPATH"] = os.pathsep.join([*staged, *([kept] if kept else [])])
sys.argv = ["ipykernel_launcher", *sys.argv[3:]]
import runpy
runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
"""
)
