"""The commands and their options. Each imports what it runs on when it is called: help must come at once."""

import sys
from importlib import metadata

import click


def _version() -> str:
    try:
        return metadata.version("bearer-guard")
    except metadata.PackageNotFoundError:
        return "from a source tree, not installed"


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Protects ASGI applications as an OAuth 2.0 resource server."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@click.option("--serve", is_flag=True, help="Keep issuer and API up afterwards, and print curl lines to try.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="The API's port, for --serve. Without it, a free one is taken.",
)
def demo(*, serve: bool, port: int | None) -> None:
    """Shows what a protected API answers, with real HTTP.

    Starts a throw-away issuer and a small API on this machine, sends it good and bad tokens, and checks each answer.
    The exit code is 0 if all are as they should be, 1 if not.
    """
    from bearer_guard.cli.demo import run  # noqa: PLC0415  it brings a web server, which may be missing

    sys.exit(0 if run(serve=serve, port=port or 0) else 1)


@cli.command()
@click.argument("app", metavar="MODULE:APP")
def routes(app: str) -> None:
    """Prints every route of an application with what it requires.

    The application is imported from the current folder, as uvicorn would: main:app. The exit code is 1 if a decorator
    guards nothing, so that the application would not be served.
    """
    from bearer_guard.cli.routes import load, show  # noqa: PLC0415  it brings rich

    sys.exit(0 if show(load(app)) else 1)
