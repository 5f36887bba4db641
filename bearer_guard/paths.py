"""Which paths are public. Whatever could be read in two ways is not."""

import re
from collections.abc import Collection
from typing import Any

from bearer_guard.errors import ConfigurationError

# A proxy, a router or a file server behind us may read these as a separator or as a step upwards.
_AMBIGUOUS = re.compile(rb"%(?:2f|5c|2e)|\\", re.IGNORECASE)


class PublicPaths:
    """Paths that need no token, each with all that lies below it, compared by whole segments."""

    def __init__(self, paths: Collection[str]) -> None:
        if isinstance(paths, str):
            raise ConfigurationError(f"public={paths!r} is one string; write public={{{paths!r}}}")
        self._paths = frozenset(tuple(_checked(path).split("/")[1:]) for path in paths)

    def contain(self, scope: Any) -> bool:
        """Whether a request (an ASGI scope) asks for a public path."""
        if not self._paths:
            return False
        if _AMBIGUOUS.search(scope.get("raw_path") or b""):
            return False
        segments = tuple(_path_below_root(scope).split("/")[1:])
        if segments == ("",):
            return segments in self._paths
        if any(segment in ("", ".", "..") or "\\" in segment for segment in segments):
            return False
        return any(segments[:length] in self._paths for length in range(1, len(segments) + 1))


def _checked(path: str) -> str:
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigurationError(f"public path {path!r} does not begin with a slash; write one like '/health'")
    if path != "/" and any(segment in ("", ".", "..") for segment in path.split("/")[1:]):
        raise ConfigurationError(f"public path {path!r} has an empty or dotted segment; write one like '/health'")
    if re.search(r"[%*?\\{}]", path):
        raise ConfigurationError(
            f"public path {path!r} is taken as it is, without patterns or escapes; write it plainly"
        )
    return path


def _path_below_root(scope: Any) -> str:
    """The path without the prefix at which the application is mounted, where the server has left it in."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path
