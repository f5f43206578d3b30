"""Before there is code: loads a sample as a function's code would be, and serves it."""

import importlib
import os
import sys

from . import tasks  # noqa: F401 - with asyncio, the longest import that many functions need.
from .connection import INIT, READY
from .load import load

_NAME = "kiln_sample"


def rehearse(connection, server):
    """Serves the sample until `init` comes, whose payload it returns; None when the platform has gone. Nothing of the sample is left then."""
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sample")
    before, argv, path = os.getcwd(), sys.argv, list(sys.path)
    server.target = load(folder, _NAME)
    del sys.modules[_NAME]
    sys.argv, sys.path[:] = argv, path
    sys.path_importer_cache.pop(folder, None)
    os.chdir(before)
    connection.send_json(READY, 0, {})
    while True:
        frame = connection.read()
        if frame is None or frame[0] == INIT:
            return frame and frame[3]
        server.hear(*frame)


def adopt(env):
    """Puts the function's variables into the environment, and what Python would have read of them when it started."""
    os.environ.update(env)
    added = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    sys.path[:0] = added
    importlib.invalidate_caches()
