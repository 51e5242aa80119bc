"""Secrets, however they are configured, appear in no output and in no file."""

from __future__ import annotations

import base64
import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from network_guard import Guard, Reply, guarded

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.server import payloads

pytestmark = pytest.mark.slow

SECRET = "c4nary@/pa:ss-7f3a"
PLAIN = "c4nary-t0ken-7f3a"
ENCODED = quote(SECRET, safe="")
SHAPES = [
    "password",
    "token",
    "percent-encoded",
    "extra index",
    "find-links",
    "netrc",
    "proxy",
    "keyring",
    "error page",
    "redirect",
    "uv's standard error",
    "variable",
]
TRACES = (
    SECRET,
    ENCODED,
    quote(SECRET),
    PLAIN,
    "c4nary",
    *(base64.b64encode(f"bob:{password}".encode()).decode() for password in (SECRET, PLAIN)),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None) -> Path:
    for name in ("UV_NO_CONFIG", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def command_lines() -> Iterator[list[str]]:
    """Record the command lines of child processes, which any user can read."""
    lines: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.003):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    line = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    if "--no-config" in line or "pip compile" in line or "keyring" in line:
                        lines.append(line)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lines
    finally:
        ended.set()
        watcher.join()


def configure_index(
    shape: str, guard: Guard, home: Path, set_variable: Callable[[str, str], None]
) -> None:
    """Configure the index with a secret in this way."""
    url = guard.url
    match shape:
        case "password":
            url = guard.with_credentials(f"bob:{PLAIN}")
        case "token":
            url = guard.with_credentials(PLAIN)
        case "percent-encoded":
            url = guard.with_credentials(f"bob:{ENCODED}")
        case "extra index":
            set_variable("UV_EXTRA_INDEX_URL", guard.with_credentials(f"bob:{PLAIN}"))
        case "find-links":
            set_variable("UV_FIND_LINKS", guard.with_credentials(f"bob:{PLAIN}") + "seedshelf/")
        case "netrc":
            (home / ".netrc").write_text(f"machine 127.0.0.1 login bob password {PLAIN}\n")
            (home / ".netrc").chmod(0o600)
        case "proxy":
            set_variable("NO_PROXY", "")
            place = guard.with_credentials(f"bob:{PLAIN}").removesuffix("/simple/")
            set_variable("HTTP_PROXY", place)
            url = "http://packages.invalid/simple/"
        case "keyring":
            command = home / "bin" / "keyring"
            command.parent.mkdir()
            command.write_text(f"#!/bin/sh\necho '{PLAIN}'\n")
            command.chmod(0o755)
            set_variable("PATH", f"{command.parent}:/usr/bin:/bin")
            set_variable("UV_KEYRING_PROVIDER", "subprocess")
            url = guard.with_credentials("bob")
        case "variable":
            set_variable("UV_INDEX", f"ours={guard.url}")
            set_variable("UV_INDEX_OURS_USERNAME", "bob")
            set_variable("UV_INDEX_OURS_PASSWORD", PLAIN)
    set_variable("UV_DEFAULT_INDEX", url)


def credentials(shape: str) -> tuple[str, str] | None:
    match shape:
        case "token":
            return PLAIN, ""
        case "percent-encoded":
            return "bob", SECRET
        case "password" | "netrc" | "keyring":
            return "bob", PLAIN
    return None


def usual_reply(shape: str, garden: Demo) -> Callable[[str], Reply | None]:
    """Return the server's usual reply function; None passes the index's answer on."""
    place = garden.index_url.removesuffix("/simple/")

    def reply(path: str) -> Reply | None:
        if shape == "redirect" and path.startswith("/simple/"):
            there = place.replace("//", f"//bob:{PLAIN}@") + path
            return 302, {"Location": f"{there}?token={PLAIN}"}, b""
        return None

    return reply


def refusal(path: str) -> Reply:
    """Answer with a page that repeats the secret."""
    text = f"{PLAIN} of https://bob:{PLAIN}@packages.invalid/?token={PLAIN} is not welcome"
    detail = {"title": "Forbidden", "status": 403, "detail": f"https://bob:{PLAIN}@h/ said no"}
    if path.endswith("/seedshelf/"):
        return 200, {"Content-Type": f"text/html; by=https://bob:{PLAIN}@h/"}, text.encode()
    return 403, {"Content-Type": "application/problem+json"}, json.dumps(detail).encode()


class CollectedTexts:
    """All texts that were shown or written, by where they appeared."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}

    def add(self, sink: str, *texts: object) -> None:
        self.texts.setdefault(sink, []).extend(map(str, texts))

    def attempt(self, work: Callable[[], object]) -> bool:
        try:
            self.add("answers", *(f"{answer} {answer!r}" for answer in [work()]))
        except PkgwidgetsError as error:
            self.add("errors", error, repr(error), error.facts, vars(error), error.args)
            self.add("errors", *traceback.format_exception(error))
            self.add("rest", json.dumps(payloads.error_payload(error)))
            return False
        return True


def use_service(service: PackageService, texts: CollectedTexts) -> list[bool]:
    """Call the service's methods and collect all texts; return which calls succeeded."""

    def listed() -> object:
        frame = service.check_for_updates(refresh=True)
        texts.add("frame", frame.to_csv(), frame, frame.to_html())
        infos = service.values.updates(refresh=True)
        texts.add("rest", json.dumps([payloads.package(info) for info in infos]))
        return infos

    def report(event: Event) -> None:
        texts.add("events", event)

    done = [
        texts.attempt(listed),
        texts.attempt(lambda: service.plan_install("pea")),
        texts.attempt(lambda: service.upgrade_package("seedshelf", report=report)),
    ]
    panel = PackagePanel(service)
    for message in ({"type": "check"}, {"type": "plan", "names": ["raintable"]}):
        panel._on_table(message)
        assert panel.wait(60)
    panel._on_table({"type": "history"})
    for widget in panel.children:
        texts.add("traits", *(repr(value) for value in widget.get_state().values()))
    texts.add("repr", service, repr(service._backend), service.index_url)
    history = service.history()
    texts.add("history", history.to_csv(), *map(repr, service.values.history()))
    return done


@pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets
@pytest.mark.parametrize("shape", SHAPES)
def test_secrets_appear_in_no_output_or_file(
    shape: str,
    garden: Demo,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    collected = CollectedTexts()
    if shape == "uv's standard error":
        place = f"https://bob:{PLAIN}@127.0.0.1:1/pod-1.0-py3-none-any.whl"
        garden.index.publish(BuiltWheel(name="pea", version="1.0", requires=(f"pod @ {place}",)))
    with guarded(garden.index_url, credentials(shape)) as guard, command_lines() as lines:
        configure_index(shape, guard, home, monkeypatch.setenv)
        guard.reply = usual_reply(shape, garden)
        service = PackageService(garden.python)
        done = use_service(service, collected)
        assert (done[0], done[2]) == (True, True), collected.texts.get("errors")
        assert service.get_package("seedshelf").version == "1.4.2"
        if shape not in ("error page", "uv's standard error"):
            guard.reply = refusal
        else:
            monkeypatch.setenv("UV_DEFAULT_INDEX", guard.with_credentials(f"bob:{PLAIN}"))
            guard.reply = refusal if shape == "error page" else lambda path: (503, {}, b"")
        assert not all(use_service(PackageService(garden.python), collected))
    for file in (garden.python.parent.parent / ".pkgwidgets").rglob("*"):
        if file.is_file():
            collected.add("files", file.read_bytes().decode("latin-1"))
    out, err = capfd.readouterr()
    collected.add("output", out, err)
    collected.add("log", caplog.text)
    collected.add("command lines", *lines)
    assert {"frame", "errors", "traits", "rest", "history", "files", "command lines"} <= {
        sink for sink, texts in collected.texts.items() if any(texts)
    }
    leaks = {
        sink: text[max(0, text.find(trace) - 200) :][:400]
        for sink, texts in collected.texts.items()
        for text in texts
        for trace in TRACES
        if trace in text
    }
    assert leaks == {}
