"""The convention `parameters` (docs/frames.md): `main(parameters)` gives a dictionary or a list.

It gets the function's parameters under those of the call. Such code was written for OpenWhisk, so names and texts are those that it
knows.
"""

import base64
import json
import os
import sys

from .load import HandlerNotFound, Target

_RESULT_BYTES_MAX = 1024 * 1024
# Of a result that is too long, what its error tells.
_SHOWN_CHARACTERS_MAX = 1024
_FILES = ("__main__.py", "main.py", "handler.py", "func.py", "index.py")
_MODULE = "main__"

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class InvalidResult(Exception):
    """The function gave something that is no dictionary and no list."""


def load_main(folder, name, parameters, reserved):
    """Loads the code and finds its function; None means `main`. Raises what the code raises."""
    os.chdir(folder)
    _add_paths(folder)
    file = _entry(folder)
    sys.argv = [file]
    _tell_identity()
    handler = getattr(_import(file), name or "main", None)
    if not callable(handler):
        raise HandlerNotFound(f'{file} has no function "{name or "main"}"')
    target = Target(handler)
    target.streamed = False
    target.run = _run
    target.defaults = parameters
    target.reserved = reserved
    return target


def _add_paths(folder):
    """Archives bring their packages in `virtualenv/`."""
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    library = os.path.join(folder, "virtualenv", "lib")
    if not os.path.isdir(library):
        return
    for name in sorted(os.listdir(library)):
        packages = os.path.join(library, name, "site-packages")
        if os.path.isdir(packages):
            sys.path.insert(1, packages)


def _entry(folder):
    names = os.listdir(folder)
    scripts = [name for name in names if name.endswith(".py")]
    found = [name for name in _FILES if name in names] or (scripts if len(scripts) == 1 else [])
    if not found:
        raise HandlerNotFound("The code has no __main__.py")
    return os.path.join(folder, found[0])


def _import(file):
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(_MODULE, file)
    module = module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def _tell_identity():
    """What is the same for all calls of this process."""
    env = os.environ
    namespace, app, name = (env.get(key, "") for key in ("KILN_NAMESPACE", "KILN_APP", "KILN_FUNCTION"))
    env["__OW_NAMESPACE"] = namespace
    owner = env.get("KILN_OWNER", namespace)
    env["__OW_ACTION_NAME"] = f"/{owner}/{app}/{name}" if app else f"/{owner}/{name}"
    env["__OW_ACTION_VERSION"] = f"0.0.{env.get('KILN_REVISION', 0)}"
    env["__OW_API_HOST"] = env.get("KILN_API_URL", "")


def _tell_call(call):
    env = os.environ
    activation = _hex(call.field(":call:") or "")
    env["__OW_ACTIVATION_ID"] = activation
    env["__OW_DEADLINE"] = call.field(":deadline:") or ""
    env["__OW_TRANSACTION_ID"] = call.field("x-request-id:") or activation


_DIGITS = {letter: digit for digit, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}


def _hex(call_id):
    """An id of 26 letters as 32 hex digits."""
    value = 0
    for letter in call_id:
        value = value << 5 | _DIGITS.get(letter, 0)
    return f"{value:032x}"


def _run(call, target):
    _tell_call(call)
    try:
        try:
            result = call.awaited(target.handler(_parameters(b"".join(call.pieces), target)))
        except Exception as error:
            # A child that the code forked has come back to us, which is not its place.
            if not call.connection.is_ours:
                raise
            result = _error_of(call, error)
        _answer(call, result)
    except SystemExit:
        raise
    except BaseException as error:
        if not call.connection.is_ours:
            raise
        call.fail(error)


def _parameters(body, target):
    given = _value(body) if body else {}
    if isinstance(given, list):
        return given
    merged = {**target.defaults, **given}
    for name in target.reserved:
        merged.pop(name, None)
    return merged


def _value(body):
    """What is no object comes as the member `__ow_body`, but for lists, which come as they are."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {"__ow_body": base64.b64encode(body).decode()}
    try:
        value = json.loads(text)
    except ValueError:
        return {"__ow_body": text}
    return value if isinstance(value, (dict, list)) else {"__ow_body": value}


def _error_of(call, error):
    from .errors import describe

    call.print_line(2, describe(error)["stack"] + "\n")
    return {"error": str(error)}


def _answer(call, result):
    if isinstance(result, tuple):
        result = list(result)
    if not isinstance(result, (dict, list)):
        raise InvalidResult("The action did not return a dictionary or array.")
    failed = isinstance(result, dict) and result.get("error") is not None
    if failed:
        call.status = 502
    body = _encode({"error": result["error"]} if failed else result).encode("utf-8", "replace")
    if len(body) > _RESULT_BYTES_MAX:
        call.status = 502
        said = f"The action produced a response that exceeded the allowed length: {len(body)} > {_RESULT_BYTES_MAX} bytes."
        shown = body[:_SHOWN_CHARACTERS_MAX].decode("utf-8", "ignore")
        body = _encode({"error": f"{said} The truncated response was: {shown}"}).encode()
    call.send_json(body)
