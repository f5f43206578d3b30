"""Runs once for a deployed function, in a sandbox like its own but without a network: compiles the code without running it, and sends
the bytecode as files below the code's folder (docs/decisions/0015-deploy-time-preparation.md).
"""

import os
import socket
import struct
from importlib import _bootstrap_external, util

FOLDER = "/function"
# More is left to the start that needs it.
FILES_MAX = 5000


def sources():
    for folder, folders, names in os.walk(FOLDER):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(folder, name)


def bytecode(path):
    """None for what is no Python, which the one who imports it is told then."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        code = compile(source, path, "exec", dont_inherit=True)
        # The code never changes under its digest: nothing has to be compared at a start.
        return _bootstrap_external._code_to_hash_pyc(code, util.source_hash(source), False)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def main():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["KILN_SOCKET"])
    for number, path in enumerate(sources()):
        content = bytecode(path) if number < FILES_MAX else None
        if content is None:
            continue
        name = os.path.relpath(util.cache_from_source(path), FOLDER).encode()
        connection.sendall(struct.pack("<I", len(name)) + name + struct.pack("<I", len(content)) + content)
    connection.sendall(struct.pack("<I", 0))
    connection.close()


main()
