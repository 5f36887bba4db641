"""A real OpenID provider and a real protected API, each in a process of its own."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.protected_api import ProtectedAPI, running_api
from tests.interop.provider import HOME, OIDCProvider, running_provider
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
