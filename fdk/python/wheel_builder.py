"""Builds the wheel with the standard library alone, so that `pip install` of this folder needs no network (PEP 517).

The wheel has, besides the kit, what the kit shares with the platform, so that tests of functions run on the very runtime that serves them.
"""

import base64
import hashlib
import os
import zipfile

_NAME = "polykiln_fdk"
_HERE = os.path.dirname(os.path.abspath(__file__))
_RUNTIME = os.path.join(_HERE, "..", "..", "runtimes", "python", "kiln_runtime")
# Connections and their life: the platform's affair.
_LEFT_OUT = {"serve.py"}


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    settings = _settings()
    info = f"{_NAME}-{settings['version']}.dist-info"
    name = f"{_NAME}-{settings['version']}-py3-none-any.whl"
    entries = dict(_sources(os.path.join(_HERE, _NAME), _NAME))
    entries.update(_sources(_RUNTIME, f"{_NAME}/kiln_runtime"))
    entries[f"{info}/METADATA"] = _metadata(settings)
    entries[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: polykiln\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    entries[f"{info}/licenses/LICENSE"] = _read(os.path.join(_HERE, "..", "..", "LICENSE"))
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in entries.items())
    entries[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in entries.items():
            # The same sources give the same wheel, byte by byte.
            wheel.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return name


def _settings():
    """The simple values of pyproject.toml; Python has no reader of its own before 3.11."""
    lines = _read(os.path.join(_HERE, "pyproject.toml")).decode().splitlines()
    pairs = (line.split(" = ", 1) for line in lines if " = " in line)
    return {name: value.strip('"') for name, value in pairs}


def _metadata(settings):
    fields = {
        "Metadata-Version": "2.4",
        "Name": settings["name"],
        "Version": settings["version"],
        "Summary": settings["description"],
        "License-Expression": settings["license"],
        "License-File": "LICENSE",
        "Requires-Python": settings["requires-python"],
        "Description-Content-Type": "text/markdown",
    }
    head = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return f"{head}\n".encode() + _read(os.path.join(_HERE, settings["readme"]))


def _sources(folder, prefix):
    for name in sorted(os.listdir(folder)):
        if name.endswith((".py", ".typed")) and name not in _LEFT_OUT:
            yield f"{prefix}/{name}", _read(os.path.join(folder, name))


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
