"""Who signs the tokens of an issuer: it writes few headers, one of them into every token, and few keys serve them."""

from collections.abc import Iterable

from bearer_guard.errors import InvalidToken, Reason
from bearer_guard.jose import CompactJWS, Header, VerificationKey, decode_base64url
from bearer_guard.tokens import Epoch


class Signer:
    """What verifies the tokens that carry one header, as long as its epoch lasts. Without a key: nothing does."""

    __slots__ = ("epoch", "typ", "verifiers")

    def __init__(self, header: Header, keys: Iterable[VerificationKey], epoch: Epoch | None) -> None:
        candidates = (key.verifier(header.algorithm) for key in keys)
        self.verifiers = tuple(verify for verify in candidates if verify is not None)
        self.typ = header.typ
        self.epoch = epoch

    def check(self, jws: CompactJWS) -> None:
        """Raises `InvalidToken` unless one of its keys made the signature."""
        if not self.verifiers:
            raise InvalidToken(Reason.UNKNOWN_KEY, claim="kid")
        signature = decode_base64url(jws.signature)
        for verify in self.verifiers:
            if verify(jws.signing_input, signature):
                return
        raise InvalidToken(Reason.INVALID_SIGNATURE)


class Signers:
    """A bounded memory of signers, by the header as it is written: it need not be read again, nor the key looked up.

    Whether the algorithm is allowed and which keys fit is asked when a signer is added. It counts until the key set is
    exchanged or too old. Only headers under a genuine signature may be added; those of strangers, whose keys nobody
    has, have a place of their own: there they push out none but each other. Until somebody would be asked again, all
    that carries such a header is refused for its unknown key, whatever else is wrong with it.
    """

    MOST, LONGEST = 64, 2048  # headers, and bytes of one

    def __init__(self) -> None:
        self._signers: dict[bytes, Signer] = {}
        self._strangers: dict[bytes, Signer] = {}

    def get(self, protected: bytes, now: float) -> Signer | None:
        """The signer of tokens with this header, if its keys are still in force at `now` (monotonic)."""
        signer = self._signers.get(protected) or self._strangers.get(protected)
        return signer if signer is not None and signer.epoch is not None and signer.epoch.still_good(now) else None

    def add(self, protected: bytes, signer: Signer) -> None:
        """Remembers who made a signature that was verified; or that nobody could have made it, without a key."""
        if signer.epoch is not None and len(protected) <= self.LONGEST:
            pools = self._signers, self._strangers
            pool, other = pools if signer.verifiers else reversed(pools)
            other.pop(protected, None)  # its key was withdrawn, or appeared
            if len(pool) >= self.MOST:
                pool.clear()
            pool[protected] = signer

    def __len__(self) -> int:
        return len(self._signers) + len(self._strangers)
