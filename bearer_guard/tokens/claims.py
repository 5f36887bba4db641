"""Claims: JSON that cannot be changed, and the paths at which something stands in it."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NoReturn


class Claims(dict[str, Any]):
    """A JSON object that cannot be changed: arrays are tuples, objects are `Claims`; `json.dumps` takes it as it is.

    Validated tokens are shared between requests, so no request may alter what the next one sees.
    """

    __slots__ = ()

    def _read_only(self, *_: object, **__: object) -> NoReturn:
        """Raises TypeError: claims are read-only."""
        raise TypeError("claims are read-only; dict(token.claims) makes a copy that you may change")

    __setitem__ = _read_only
    __delitem__ = _read_only
    __ior__ = _read_only
    clear = _read_only
    pop = _read_only
    popitem = _read_only
    setdefault = _read_only
    update = _read_only

    def __reduce__(self) -> tuple[type["Claims"], tuple[dict[str, Any]]]:
        return Claims, (dict(self),)

    def __deepcopy__(self, memo: object) -> "Claims":
        return self


DEEPEST_JSON = 32
"""Levels of nesting. Real tokens have three or four."""


def frozen(value: Any, levels: int = DEEPEST_JSON - 1) -> Any:
    """What a JSON object holds, immutable to the bottom. Raises ValueError for arrays nested beyond reason."""
    if isinstance(value, list | tuple):
        if levels == 0:
            raise ValueError("nested beyond reason")
        # Most arrays hold strings alone: the call per member is for the others.
        return tuple([member if type(member) is str else frozen(member, levels - 1) for member in value])
    if isinstance(value, dict) and type(value) is not Claims:
        return Claims((name, frozen(member)) for name, member in value.items())
    return value


ClaimPath = str | tuple[str, ...]
"""Where a claim stands. A dot goes one object deeper (`"realm_access.roles"`); a name with a colon or a slash in it
is one name (`"cognito:groups"`, `"https://acme.com/groups"`); a tuple gives the names one by one."""


@lru_cache(maxsize=1024)
def names_in(path: ClaimPath) -> tuple[str, ...]:
    """The member names that a claim path walks along."""
    if isinstance(path, tuple):
        return path
    return (path,) if ":" in path or "/" in path else tuple(path.split("."))


def is_claim_path(path: object) -> bool:
    """Whether something can be the path of a claim."""
    if not isinstance(path, str | tuple):
        return False
    names = path if isinstance(path, tuple) else names_in(path)
    return bool(names) and all(isinstance(name, str) and name for name in names)


def claim_at(claims: dict[str, Any], path: ClaimPath) -> Any:
    """The value at a claim path; None if it is not there."""
    return value_at(claims, names_in(path))


def value_at(value: Any, names: Iterable[str]) -> Any:
    """The value below these names, one level deeper each; None if it is not there."""
    for name in names:
        if not isinstance(value, dict):  # as claims are; a look at the abstract Mapping takes five times as long
            return None
        value = value.get(name)
    return value
