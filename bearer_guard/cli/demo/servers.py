"""Two uvicorn servers on loopback, each in a thread of this process, up when they are needed and gone afterwards."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
import uvicorn
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


class PortUnavailable(click.ClickException):
    """The port that was asked for cannot be had."""

    exit_code = 2


def listen(port: int = 0) -> socket.socket:
    """A listening socket; 0 takes a free port, which is ours from then on. Raises `PortUnavailable`."""
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise PortUnavailable(
            f"port {port} cannot be had ({why}); choose another with --port, or leave it out to get a free one"
        ) from None


def url_of(listener: socket.socket) -> str:
    """Where a listening socket can be reached."""
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


@contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serves an application until the block ends. It answers when the block begins."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,  # a client that hangs on must not keep Ctrl-C waiting
        )
    )
    thread = threading.Thread(target=_run, args=(server, listener), name=f"demo at {url_of(listener)}")
    thread.start()
    try:
        _wait_until_up(server, thread)
        yield
    finally:
        server.should_exit = True
        thread.join()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    with suppress(SystemExit):  # how uvicorn says that it did not start; it would end no more than this thread
        server.run(sockets=[listener])


def _wait_until_up(server: uvicorn.Server, thread: threading.Thread) -> None:
    while not server.started:
        thread.join(0.01)
        if not thread.is_alive():
            raise RuntimeError(f"the {thread.name} did not start; what it said about that stands above")
