"""Errors of the code as the payload of `error` and `failed` frames."""

import os

_own_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def describe(error, placed=False):
    """Type, message and the traceback without our own frames. `placed`: the message gets the place whatever it is."""
    import traceback  # Costs several milliseconds, which only errors should pay.

    tree = traceback.TracebackException.from_exception(error)
    _strip(tree, traceback.StackSummary, set())
    return {"type": type(error).__name__, "message": _message(error, tree, placed), "stack": "".join(tree.format()).rstrip()}


def _message(error, tree, placed):
    if isinstance(error, SyntaxError):
        return f"{error.msg} (at {error.filename}:{error.lineno})"
    message = str(error)
    # Says little without its place.
    if (placed or isinstance(error, NameError)) and tree.stack:
        last = tree.stack[-1]
        return f"{message} (at {last.filename}:{last.lineno})"
    return message


def _strip(tree, summary, seen):
    if tree is None or id(tree) in seen:
        return
    seen.add(id(tree))
    tree.stack = summary.from_list([frame for frame in tree.stack if not _is_own(frame.filename)])
    _strip(tree.__cause__, summary, seen)
    _strip(tree.__context__, summary, seen)


def _is_own(filename):
    return filename.startswith(_own_folder) or filename.startswith("<frozen importlib")
