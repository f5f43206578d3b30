"""Finds and loads the handler."""

import os
import sys

_FILES = ("handler", "main", "func", "index", "app", "__main__")
_FUNCTIONS = ("handler", "main")


class HandlerNotFound(Exception):
    """The code has no such handler."""


class Target:
    """A loaded handler and how it wants to be called."""

    # What runs a call instead; of another convention (parameters.py).
    run = None

    def __init__(self, handler):
        self.handler = handler
        self.arguments = _argument_count(handler)
        flags = getattr(getattr(handler, "__code__", None), "co_flags", 0)
        self.streamed = getattr(handler, "streamed", False) is True
        # CO_COROUTINE, CO_ITERABLE_COROUTINE and CO_ASYNC_GENERATOR: it will need an event loop.
        self.is_async = bool(flags & 0x380)


def load(folder, name):
    """Loads "file.function", "file", or (None) the usual places. Raises what the code raises."""
    os.chdir(folder)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    module_name, function_name = _default(folder) if name is None else _named(folder, name)
    file = os.path.join(folder, module_name.replace(".", os.sep))
    sys.argv = [file + ".py" if os.path.isfile(file + ".py") else file]
    module = _import(module_name, sys.argv[0])
    return Target(_pick(module, function_name))


def _default(folder):
    names = os.listdir(folder)
    for file in _FILES:
        if f"{file}.py" in names:
            return file, None
    scripts = [name for name in names if name.endswith(".py")]
    if len(scripts) == 1:
        return scripts[0][:-3], None
    looked = ", ".join(f"{file}.py" for file in _FILES)
    raise HandlerNotFound(
        f"The code has no entry file: none of {looked}, and {len(scripts)} scripts at its top. "
        'Name the handler as "file.function"'
    )


def _named(folder, name):
    dotted = name.removesuffix(".py").replace("/", ".")
    if _is_module(folder, dotted):
        return dotted, None
    module_name, _, function_name = dotted.rpartition(".")
    if module_name and _is_module(folder, module_name):
        return module_name, function_name
    raise HandlerNotFound(
        f'Handler "{name}" is in no file of the code: a handler is named "file.function", such as "main.handler" for '
        "def handler of main.py"
    )


def _is_module(folder, dotted):
    path = os.path.join(folder, *dotted.split("."))
    return os.path.isfile(path + ".py") or os.path.isfile(os.path.join(path, "__init__.py"))


def _import(name, file):
    if name != "__main__":
        __import__(name)
        return sys.modules[name]
    # That name is taken, by this program.
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("function_main", file)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _pick(module, name):
    names = _FUNCTIONS if name is None else (name,)
    for each in names:
        if callable(getattr(module, each, None)):
            return getattr(module, each)
    found = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    raise HandlerNotFound(
        f"{module.__file__} has no function {' or '.join(names)}; "
        + (f"it has: {', '.join(found[:20])}" if found else "it has none")
    )


def _argument_count(handler):
    """How many of event and context it takes."""
    method = getattr(handler, "__func__", None)
    code = getattr(method or handler, "__code__", None)
    if code is None or code.co_flags & 0x04:  # CO_VARARGS
        return 2
    return min(2, code.co_argcount - (1 if method else 0))
