"""Real authorization servers and a real protected API, each in a process of its own."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.interop import dot
from tests.interop.dot import DjangoOAuthToolkit, running_dot
from tests.interop.options import Options
from tests.interop.protected_api import AskingAPI, ProtectedAPI, running_api, running_introspecting_api
from tests.interop.provider import HOME, OPAQUE_API, OIDCProvider, running_provider
from tests.processes import unavailable

NPM_INSTALL = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
NPM_TIMEOUT = 300


@pytest.fixture(scope="session")
def node_modules() -> None:
    """The provider as package.json pins it, installed where it is missing."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            unavailable(f"The interop tests need `{program}`: install Node.js 20 or later with npm.")
    if not _is_installed():
        _npm_install()


@pytest.fixture(scope="session")
def oidc_provider(node_modules: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OIDCProvider]:
    """The provider that most tests share; they leave its keys alone."""
    with running_provider(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture(scope="session")
def protected_app(oidc_provider: OIDCProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedAPI]:
    """The API that most tests share."""
    with running_api(oidc_provider.issuer, tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture(scope="session")
def strict_app(oidc_provider: OIDCProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedAPI]:
    """An API that takes RFC 9068 at its word, and forgives no second that a test would have to wait for."""
    directory = tmp_path_factory.mktemp("strict-api")
    with running_api(oidc_provider.issuer, directory, leeway=0, profile="RFC_9068") as api:
        yield api


@pytest.fixture(scope="module")
def asking_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskingAPI]:
    """Starts an API that introspects, at most one for each configuration: `asking_api(Options(...))`."""
    apis: dict[Options, ProtectedAPI] = {}
    with ExitStack() as running:

        def api(options: Options) -> ProtectedAPI:
            if options not in apis:
                directory = tmp_path_factory.mktemp("asking-api")
                apis[options] = running.enter_context(running_introspecting_api(options, directory))
            return apis[options]

        yield api


@pytest.fixture
def opaque_app(oidc_provider: OIDCProvider, asking_api: AskingAPI) -> ProtectedAPI:
    """The plainest API that introspects."""
    return asking_api(Options(issuer=oidc_provider.issuer, audience=OPAQUE_API))


@pytest.fixture
def provider_of_its_own(node_modules: None, tmp_path: Path) -> Iterator[OIDCProvider]:
    """A provider whose keys a test may rotate, and which it may end."""
    with running_provider(tmp_path) as provider:
        yield provider


@pytest.fixture
def app_of_its_own(provider_of_its_own: OIDCProvider, tmp_path: Path) -> Iterator[ProtectedAPI]:
    """An API that has fetched no keys yet, for the provider of this test alone."""
    with running_api(provider_of_its_own.issuer, tmp_path) as api:
        yield api


@pytest.fixture(scope="session")
def dot_environment() -> None:
    """The site's own virtual environment, as its requirements.txt pins it, made where it is missing."""
    try:
        dot.install()
    except dot.NotInstalled as failure:
        unavailable(f"The tests with django-oauth-toolkit need the package index in reach, once: {failure}")


@pytest.fixture(scope="session")
def django_oauth_toolkit(
    dot_environment: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DjangoOAuthToolkit]:
    """The site that most tests share."""
    with running_dot(tmp_path_factory.mktemp("django-oauth-toolkit")) as site:
        yield site


@pytest.fixture
def dot_of_its_own(dot_environment: None, tmp_path: Path) -> Iterator[DjangoOAuthToolkit]:
    """A site that a test may end."""
    with running_dot(tmp_path) as site:
        yield site


def _is_installed() -> bool:
    pinned = _read_json(HOME / "package.json")["dependencies"]["oidc-provider"]
    return bool(_read_json(HOME / "node_modules/oidc-provider/package.json").get("version") == pinned)


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _npm_install() -> None:
    try:
        subprocess.run(NPM_INSTALL, cwd=HOME, check=True, capture_output=True, timeout=NPM_TIMEOUT)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        unavailable(
            f"The interop tests need the npm registry in reach, once: `{' '.join(NPM_INSTALL)}` in {HOME}: {said}"
        )
