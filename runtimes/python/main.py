"""The Python shim: connects to the platform, loads the function's code and serves its calls (docs/frames.md).

Runs on Python 3.9 and newer with the standard library only. Every import is paid at each cold start, and this file is
compiled at each: the rest is in a package, whose bytecode can be made beforehand.
"""

import os
import sys


def start():
    # Neither our folder nor the function's may shadow modules for the other: a function may well have a json.py.
    wanted = sys.path[1:]
    added = (os.environ.get("PYTHONPATH") or "").split(os.pathsep)
    sys.path[1:] = [path for path in wanted if path not in added]
    from kiln_runtime.serve import serve

    sys.path[:] = wanted
    serve()


start()
