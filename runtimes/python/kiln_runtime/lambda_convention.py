"""The convention `lambda` (docs/frames.md): `handler(event, context)` as functions written for AWS Lambda have it.

Names, shapes and types of errors are those that such code knows, from AWS's runtime interface client for Python.
"""

import os
import sys
import time

from .connection import ERROR
from .errors import Described, Fault
from .lambda_context import LambdaContext, facts, request_id
from .lambda_errors import answer_of, fault_answer, payload_of, text_of
from .lambda_json import marshalled, unmarshalled
from .lambda_logging import set_up_logging
from .load import Target, load
from .output import flush


def load_lambda(folder, name, arn):
    """Loads "pkg/module.function", or (None) the usual places. Raises `Described` for what the code raises."""
    if hasattr(time, "tzset"):
        time.tzset()
    set_up_logging()
    folder = _task_root(folder)
    try:
        target = load(folder, None) if name is None else Target(_named(folder, name))
    except Fault as fault:
        raise Described(payload_of(fault_answer(fault))) from fault
    except Exception as error:
        raise Described(payload_of(answer_of(error))) from error
    target.streamed = False
    target.run = _run
    target.arn = arn
    target.facts = facts()
    return target


def _task_root(folder):
    """The code's folder by the name that such code knows, where it has that one."""
    wanted = os.environ.get("LAMBDA_TASK_ROOT", "")
    if "KILN_CODE" not in os.environ and wanted and os.path.isdir(wanted) and os.path.samefile(wanted, folder):
        return wanted
    os.environ["LAMBDA_TASK_ROOT"] = folder
    return folder


def _named(folder, name):
    os.chdir(folder)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    module = _imported(module_name)
    sys.argv = [getattr(module, "__file__", None) or folder]
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'") from None


def _imported(name):
    from importlib import import_module

    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {name} as a handler module")
    try:
        return import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{name}': {error}", trace) from error


# What the environment says of the trace, so that it is written when it changes and not with every call.
_trace = None


def _tell_trace(call):
    global _trace
    trace = call.field("lambda-runtime-trace-id:") or _trace_of(call.field("traceparent:"))
    if trace == _trace:
        return
    _trace = trace
    if trace is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace


def _trace_of(traceparent):
    """A trace of W3C's goes on as one of X-Ray's."""
    parts = (traceparent or "").split("-")
    if len(parts) < 4 or len(parts[1]) != 32:
        return None
    _, trace, parent, flags = parts[:4]
    return f"Root=1-{trace[:8]}-{trace[8:]};Parent={parent};Sampled={1 if flags == '01' else 0}"


def _run(call, target):
    _tell_trace(call)
    call_id = request_id.begin(call)
    try:
        context = LambdaContext(call, call_id, target)
        result = call.awaited(target.handler(unmarshalled(b"".join(call.pieces)), context))
        body, content_type = marshalled(result)
    except Fault as fault:
        _fail(call, fault_answer(fault, call_id))
    except Exception as error:
        # A child that the code forked has come back to us, which is not its place.
        if not call.connection.is_ours:
            raise
        _fail(call, answer_of(error, call_id))
    except SystemExit:
        raise
    except BaseException as error:
        if not call.connection.is_ours:
            raise
        # Its time is up, or nobody waits for it.
        call.fail(error)
    else:
        call.send_bytes(content_type, body)


def _fail(call, answer):
    flush(call.id)
    if not call.cancelled:
        call.print_line(2, text_of(answer) + "\n")
    call.connection.send_json(ERROR, call.id, payload_of(answer))
