"""An ElectrumX server whose database is in this process: a test needs it no longer than that.

Settings are ElectrumX's own environment variables, and whatever DB_ENGINE says, the database is this one.
"""

import asyncio
import os
from bisect import bisect_left, insort
from contextlib import contextmanager

from electrumx import Controller, Env
from electrumx.server import db
from electrumx.server.daemon import Daemon
from electrumx.server.storage import Storage
from electrumx.server.transport import PaddedRSTransport


class Memory(Storage):
    """Sorted keys and their values, by the database's name, over every opening and closing."""

    databases = {}

    @classmethod
    def import_module(cls):
        pass

    def open(self, name, create):
        # Whether the path exists says whether a database is new.
        os.makedirs(name, exist_ok=True)
        self.keys, self.values = self.databases.setdefault(name, ([], {}))

    def close(self):
        pass

    def get(self, key):
        return self.values.get(bytes(key))

    def put(self, key, value):
        key = bytes(key)
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = bytes(value)

    def delete(self, key):
        key = bytes(key)
        if self.values.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]

    @contextmanager
    def write_batch(self):
        batch = Batch()
        yield batch
        for change, arguments in batch.changes:
            getattr(self, change)(*arguments)

    def iterator(self, prefix=b"", reverse=False):
        start = bisect_left(self.keys, prefix)
        end = start
        while end < len(self.keys) and self.keys[end].startswith(prefix):
            end += 1
        found = self.keys[start:end]
        return iter([(key, self.values[key]) for key in (reversed(found) if reverse else found)])


class Batch:
    def __init__(self):
        self.changes = []

    def put(self, key, value):
        self.changes.append(("put", (key, value)))

    def delete(self, key):
        self.changes.append(("delete", (key,)))


async def no_indexes(daemon):
    pass


if __name__ == "__main__":
    os.environ["DB_ENGINE"] = "leveldb"
    db.db_class = lambda name: Memory
    # It wants an index of Bitcoin Core's that only its newest versions have, for a question that no wallet here asks.
    Daemon.check_daemon_indexes = no_indexes
    # It keeps a short answer back for a second, so that a listener learns less from its length; nobody listens here.
    PaddedRSTransport.WAIT_FOR_BUFFER_GROWTH_SECONDS = 0
    asyncio.run(Controller(Env()).run())
