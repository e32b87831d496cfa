"""Turns a settings class and an app factory into a program: ``python -m bff``, ``python -m services.users`` and so on.

One worker serves in this very process. Several are spawned and watched (``shared.serving.workers``), and share their
metrics through files.
"""

import argparse
import contextlib
import ctypes
import gc
import importlib
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn

from sanic import Sanic

import shared
from shared.broken_pipe import tolerate_broken_pipe
from shared.errors import DeclarationError, SettingsError
from shared.http.protocol import Protocol
from shared.observing import logs, metric_files, metrics
from shared.serving.certificate import Certificate, certificate_of
from shared.serving.draining import Draining
from shared.serving.heartbeat import Beat, send_beats
from shared.serving.listeners import BACKLOG, Listeners, listen
from shared.serving.operations import serve_operations
from shared.serving.reloading import Reload, reload_all
from shared.serving.signals import Signals, hold_hangups, stop_signals
from shared.serving.watchdog import end_when_hanging
from shared.serving.workers import Workers, exit_unusable
from shared.settings.declared import Settings
from shared.settings.environment import export_environment, read_environment
from shared.settings.loading import changing_secrets, describe, load

_OTHER_DESCRIPTORS = 1024
"""For services, Redis, files and what is being accepted."""
_TLS_TIMES: Final = {"ssl_handshake_timeout": 10.0, "ssl_shutdown_timeout": 60.0}
"""Seconds for a handshake, as for a head, and for the last bytes (who does not read them is disconnected sooner)."""


def main(service: str, settings: str, factory: str, arguments: Sequence[str] | None = None) -> None:
    """Run ``service`` until a stop signal.

    ``settings`` names its class of them and ``factory`` its function ``create_app(settings)``, each as
    ``module:name``; the latter's module is imported only in the process that serves. Exits with status 2 when the
    settings, or what the app is made of, cannot be used.
    """
    _ensure_standard_streams()
    parser = argparse.ArgumentParser(description=f"Serve {service}. Settings come from the environment and .env.")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--check",
        action="store_true",
        help="validate, print the effective settings and what they are applied to, then exit",
    )
    instead.add_argument("--openapi", action="store_true", help="print the OpenAPI document, then exit")
    parser.add_argument("--version", action="version", version=f"{service} {shared.__version__}")
    with tolerate_broken_pipe():
        options = parser.parse_args(arguments)
    try:
        environ = read_environment()
        with _naming_service(service):
            effective = load(_import_name(settings), environ)
    except SettingsError as error:
        _exit_mistaken(service, error)
    except DeclarationError as error:
        exit_unusable(error)
    if options.check or options.openapi:
        try:
            app = _build(service, effective, factory)
        except DeclarationError as error:
            exit_unusable(error)
        shown = app.ctx.openapi.decode() if options.openapi else "\n".join((describe(effective), *effective.overview()))
        with tolerate_broken_pipe():
            sys.stdout.write(f"{shown}\n")
        return
    export_environment(environ, "OTEL_")  # OpenTelemetry's SDK reads some of its own settings, .env or not
    serve(service, effective, factory)


def serve(service: str, settings: Settings, factory: str) -> None:
    """Serve until SIGTERM or SIGINT, or SIGHUP where nothing reloads; returns when requests in flight are answered."""
    if settings.reloads:
        hold_hangups()
    # Name look-ups share libuv's threads, of which there are four: one name that hangs would stop all others.
    os.environ.setdefault("UV_THREADPOOL_SIZE", "16")
    try:
        certificate = certificate_of(settings)
    except SettingsError as error:
        _exit_mistaken(service, error)
    listening = listen(service, settings)
    program = _Program(service, settings, factory, certificate)
    work = partial(run_worker, program)
    if settings.workers == 1:
        try:
            work(listening)
        except DeclarationError as error:
            listening.close()
            exit_unusable(error)
        return
    directory = metric_files.new_directory(f"{service}-metrics-")
    os.environ[metrics.MULTIPROC_DIR] = str(directory)  # for the workers: it counts from the start of a process
    logs.configure(service, settings.log_level)
    with contextlib.suppress(OSError):  # workers try again, and say why it cannot be made
        metric_files.create_directory(directory)
    try:
        reload = partial(reload_all, program.reloads(), level="debug") if settings.reloads else None
        workers = Workers(work, listening, settings.workers, settings.worker_hang, reload)
        status = workers.serve(settings.shutdown_drain, settings.shutdown_grace)
    finally:
        logs.flush()
        shutil.rmtree(directory, ignore_errors=True)
    if status:
        raise SystemExit(status)


@dataclass(frozen=True)
class _Program:
    """What each process needs to serve; over TLS where there is a ``certificate``."""

    service: str
    settings: Settings
    factory: str
    certificate: Certificate | None

    def reloads(self) -> list[Reload]:
        """What of it may be read again."""
        found = [Reload(secret.name, secret.reload) for secret in changing_secrets(self.settings)]
        if self.certificate is not None:
            found.append(Reload(self.certificate.name, self.certificate.reload))
        return found


def run_worker(program: _Program, listening: Listeners, beat: Beat | None = None) -> None:
    """Serve on ``listening`` in this process.

    One of several workers gets a ``beat`` to send while its loop runs, and stops on SIGTERM alone.
    """
    settings, certificate = program.settings, program.certificate
    stopping = stop_signals(reloads=settings.reloads) if beat is None else frozenset({signal.SIGTERM})
    signals = Signals(stopping, reloads=settings.reloads)
    logs.configure(program.service, settings.log_level)
    app = _build(program.service, settings, program.factory)
    is_alone = beat is None and not listening.kept
    app.ctx.draining = Draining(settings.shutdown_drain, listening.public if is_alone else None)
    if beat is None:
        end_when_hanging(app, settings.worker_hang)
    else:
        send_beats(app, beat)
    if listening.operations is not None:
        stop_seconds = settings.shutdown_drain + settings.shutdown_grace
        serve_operations(app, listening.operations, stop_seconds=stop_seconds, is_alone=is_alone)
    signals.heed(app, partial(reload_all, [*program.reloads(), *app.ctx.reloads]))
    _raise_descriptor_limit(settings.max_connections + _OTHER_DESCRIPTORS)
    _tune_memory()
    app.prepare(
        sock=listening.public,
        ssl=None if certificate is None else certificate.server_context(),
        protocol=Protocol,
        single_process=True,
        register_sys_signals=False,
        access_log=False,
        motd=False,
        backlog=BACKLOG,
    )
    if certificate is not None:
        app.state.server_info[0].settings["asyncio_server_kwargs"] = _TLS_TIMES
    try:
        Sanic.serve_single(primary=app)
    finally:
        logs.flush()


def _exit_mistaken(service: str, error: SettingsError) -> NoReturn:
    mistakes = "\n".join(f"  {mistake}" for mistake in error.mistakes)
    sys.stderr.write(f"{service}: the settings cannot be used:\n{mistakes}\n")
    raise SystemExit(2) from None


def _build(service: str, settings: Settings, factory: str) -> Sanic[Any, Any]:
    with _naming_service(service):
        app: Sanic[Any, Any] = _import_name(factory)(settings)
    return app


def _import_name(what: str) -> Any:
    """What stands in a module under a name, ``module:name``."""
    module, _, name = what.partition(":")
    return getattr(importlib.import_module(module), name)


@contextlib.contextmanager
def _naming_service(service: str) -> Iterator[None]:
    try:
        yield
    except DeclarationError as error:
        raise DeclarationError(f"{service}: what it is made of cannot be used: {error}") from error


def _ensure_standard_streams() -> None:
    """Open standard streams that are closed: a connection that got their number would be sent the log."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - to stay


def _raise_descriptor_limit(wanted: int) -> None:
    """Raise the soft limit on open descriptors, which many shells set low, as far as the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        logs.log("warning", "descriptor limit too low", "app", descriptors=hard, wanted=wanted)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _tune_memory() -> None:
    """Free memory that only the start needed, and take long-lived objects out of garbage collection.

    By default the collector looks at everything again and again while the memory tier fills; hardly anything of ours is
    garbage that it alone can find. What it looks at in one go keeps the loop: for a millisecond with 2,000 objects, and
    for up to thirty with ten times as many, which the processor's caches do not hold. Imports leave ten megabytes of
    freed memory behind that glibc keeps unless told.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 100)
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
