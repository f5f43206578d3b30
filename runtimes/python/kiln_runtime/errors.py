"""Errors of the code as the payload of `error` and `failed` frames."""

import json
import os

_own_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Described(Exception):
    """An error that a convention has described already, as frames have it."""

    def __init__(self, payload):
        super().__init__(payload["message"])
        self.payload = payload


class Fault(Exception):
    """An error of the runtime's own under a convention that has types of its own for them."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


def describe(error, placed=False):
    """Type, message and the traceback without our own frames. `placed`: the message gets the place whatever it is."""
    if isinstance(error, Described):
        return error.payload
    import traceback  # Costs several milliseconds, which only errors should pay.

    tree = traceback.TracebackException.from_exception(error)
    _strip(tree, traceback.StackSummary, set())
    return {"type": type(error).__name__, "message": _message(error, tree, placed), "stack": "".join(tree.format()).rstrip()}


def deliberate(error):
    """The body of the answer that the code means with an error; None when it means none.

    That is a FunctionError of `fdk/python`, or anything that looks like one.
    """
    status = getattr(error, "status", None)
    if not isinstance(status, int) or not 400 <= status <= 599:
        return None
    if not any(each.__name__ == "FunctionError" for each in type(error).__mro__):
        return None
    fields = {"code": getattr(error, "code", None), "message": str(error), "details": getattr(error, "details", None)}
    try:
        return json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        return None


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
