"""The same promises as in memory, kept by Redis or Valkey, and shared by all workers and machines.

What is stored is sealed: whoever reads the store learns nothing, and whoever writes to it can only take away. That
makes no token valid that the authorization server does not vouch for, but it can undo a revocation: let nobody but your
workers reach Redis.
"""

from bearer_guard.stores.redis.connection import SealedRedis, StoreUnreachable
from bearer_guard.stores.redis.shared import RedisCache, RedisReplayStore, RedisRevocations

__all__ = ["RedisCache", "RedisReplayStore", "RedisRevocations", "SealedRedis", "StoreUnreachable"]
