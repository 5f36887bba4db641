"""The usable keys of a JWK set, and which of them may have signed a token."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bearer_guard.jose import Header, UnusableKey, VerificationKey, load_verification_key

log = logging.getLogger("bearer_guard.keys")

MOST_CANDIDATES = 4
"""Keys tried for one token: each costs a signature check, and the token is not yet known to be anybody's."""
MOST_KEYS = 512
"""Keys of one set that are loaded. Real sets have one to twenty."""


class KeySet:
    """The usable keys of a JWK set (RFC 7517 section 5). Raises ValueError if there is none.

    `max_age`: for how many seconds its server calls it fresh (RFC 9111 section 5.2.2.1); None: it does not say.
    `skipped`: a sentence for each key that cannot be used.
    """

    def __init__(self, document: Mapping[str, Any], *, max_age: float | None = None) -> None:
        entries = document.get("keys")
        if not isinstance(entries, list | tuple):
            raise ValueError("the key set has no array of keys")  # noqa: TRY004  about its content
        self.document = document
        self.max_age = max_age
        self.skipped: list[str] = []
        self.key_ids: set[str] = set()
        self._by_name: dict[tuple[str | None, str], tuple[VerificationKey, ...]] = {}
        for entry in entries[:MOST_KEYS]:
            self._add(entry)
        if not self._by_name:
            raise ValueError("; ".join(["the key set has no usable key", *self.skipped[:MOST_CANDIDATES]]))

    def __len__(self) -> int:
        return len({id(key) for keys in self._by_name.values() for key in keys})

    def report(self) -> None:
        """Logs which keys were skipped."""
        for sentence in self.skipped:
            log.warning("skipped a key of the set: %s", sentence)

    def find(self, header: Header) -> Sequence[VerificationKey]:
        """The keys that may have signed a token with this header, at most four.

        By `kid`; without one by `x5t` (AD FS); without either, or where no key has this thumbprint, all that fit.
        """
        named = self._by_name.get((header.key_id, header.algorithm), ())
        if header.key_id is None and header.thumbprint is not None:
            named = tuple(key for key in named if key.thumbprint == header.thumbprint) or named
        return named[:MOST_CANDIDATES]

    def _add(self, entry: Any) -> None:
        try:
            key = load_verification_key(entry)
        except UnusableKey as why:
            key_id = entry.get("kid") if isinstance(entry, Mapping) else None
            self.skipped.append(f"kid={key_id!r:.100}: {why}")
            return
        for name in _names(key):
            for algorithm in key.algorithms:
                self._by_name[name, algorithm] = (*self._by_name.get((name, algorithm), ()), key)
        if key.key_id is not None:
            self.key_ids.add(key.key_id)


def _names(key: VerificationKey) -> Iterator[str | None]:
    # Under its own name for tokens with a kid, and under none for tokens without.
    yield None
    if key.key_id is not None:
        yield key.key_id


class KeysStatus(NamedTuple):
    """How the keys of an authorization server stand, for a readiness probe. Times are in seconds."""

    is_usable: bool
    """Whether tokens can be validated. Stale keys count as usable: they are refreshed, or kept through an outage."""
    size: int = 0
    """How many usable keys there are."""
    skipped: tuple[str, ...] = ()
    """A sentence for each published key that cannot be used."""
    age: float | None = None
    """Since the set was last confirmed; None: never."""
    next_refresh: float | None = None
    """Until the next fetch is due, with traffic; None: none will be."""
    last_error: str | None = None
    """Why the last attempt failed; None: it did not."""
