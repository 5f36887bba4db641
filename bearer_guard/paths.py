"""Which paths are public. Whatever could be read in two ways is not."""

import re
from collections.abc import Collection
from typing import Any

from bearer_guard.errors import ConfigurationError

# What a proxy, a router or a file server behind us may read as a separator, as a step upwards, or not at all: encoded
# slashes, backslashes and dots (once, or once more), control characters, and dots with a parameter (`/..;/`).
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f\\]|%(?:2f|5c|2e|25)|(?:^|/)\.{1,2};", re.IGNORECASE)
_ENTRY = r"(?:([A-Z]+) )?(/.*)"

Segments = tuple[str, ...]


class PublicPaths:
    """Paths that need no token, each with all that lies below it, compared by whole segments.

    `"/health"` opens it to every method and to WebSockets; `"GET /catalog"` opens it to GET and HEAD only.
    """

    def __init__(self, entries: Collection[str]) -> None:
        if isinstance(entries, str):
            raise ConfigurationError(f"public={entries!r} is one string; write public={{{entries!r}}}")
        checked = [_checked(entry) for entry in entries]
        self._methods: dict[Segments, set[str | None]] = {}
        for method, path in checked:
            self._methods.setdefault(_segments(path), set()).add(method)
        self._beginnings = tuple(path for _, path in checked)

    def __bool__(self) -> bool:
        return bool(self._methods)

    def contain(self, scope: Any) -> bool:
        """Whether a request (an ASGI scope) asks for what is public."""
        # Most requests ask for something else: then nothing more has to be looked at.
        if not scope.get("root_path") and not scope["path"].startswith(self._beginnings):
            return False
        if _is_ambiguous(scope):
            return False
        return self._open(_segments(_path_below_root(scope)), scope.get("method"))

    def covered(self, path: str, methods: Collection[str]) -> frozenset[str]:
        """Those of a route's methods by which it is public."""
        return frozenset(method for method in methods if self._open(_segments(path), method))

    def _open(self, segments: Segments, method: str | None) -> bool:
        if segments == ("",):
            return self._admits(segments, method)
        if any(segment in ("", ".", "..") for segment in segments):
            return False
        return any(self._admits(segments[:length], method) for length in range(1, len(segments) + 1))

    def _admits(self, segments: Segments, method: str | None) -> bool:
        methods = self._methods.get(segments, ())
        # RFC 9110 section 9.3.2: HEAD is GET without the content. None stands for "every method".
        return None in methods or ("GET" if method == "HEAD" else method or "") in methods


def _checked(entry: str) -> tuple[str | None, str]:
    match = re.fullmatch(_ENTRY, entry) if isinstance(entry, str) else None
    if match is None:
        raise ConfigurationError(f"public={entry!r} is no path; write one like '/health', or 'GET /catalog'")
    method, path = match.groups()
    if path != "/" and any(segment in ("", ".", "..") for segment in _segments(path)):
        raise ConfigurationError(f"public path {path!r} has an empty or dotted segment; write one like '/health'")
    if re.search(r"[%*?\\{}]", path):
        raise ConfigurationError(
            f"public path {path!r} is taken as it is, without patterns or escapes; write it plainly"
        )
    if method == "HEAD":
        raise ConfigurationError(f"public={entry!r}: HEAD counts as GET; write 'GET {path}'")
    return method, path


def _is_ambiguous(scope: Any) -> bool:
    path: str = scope["path"]
    raw_path = (scope.get("raw_path") or b"").decode("latin-1")
    # A path that does not begin with a slash is no path of ours, whatever stands behind its first one.
    return not path.startswith("/") or bool(_AMBIGUOUS.search(path) or _AMBIGUOUS.search(raw_path))


def _segments(path: str) -> Segments:
    return tuple(path.split("/")[1:])


def _path_below_root(scope: Any) -> str:
    """The path without the prefix at which the application is mounted, where the server has left it in."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path
