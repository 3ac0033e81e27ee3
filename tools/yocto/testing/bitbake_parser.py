"""BitBake's own parser in this process: no server, no worker, no build. What imports this has put BitBake's library into sys.path."""

import importlib.util
import logging
import os
import sys
import types

# The wheel bitbake-setup has BitBake's parser and not the clients of two servers, which the parser imports and does not call.
for package in ("hashserv", "prserv"):
    if importlib.util.find_spec(package) is None:
        for name in (package, package + ".client", package + ".serv"):
            sys.modules[name] = types.ModuleType(name)

import bb  # noqa: E402
import bb.cookerdata  # noqa: E402


class Kept(logging.Handler):
    """Keeps what BitBake logs inside `with`, from warnings on, as pairs of level and text, and keeps it off the terminal."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append((record.levelname, record.getMessage()))

    def __enter__(self):
        logging.getLogger("BitBake").addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger("BitBake").removeHandler(self)


logging.getLogger("BitBake").propagate = False


def open_builder(folder, layers, configuration):
    """Writes a build's configuration into folder, parses it and gives BitBake's CookerDataBuilder; configuration is the text of local.conf."""
    for name, text in (
        ("bblayers.conf", 'BBPATH = "${TOPDIR}"\nBBFILES ?= ""\nBBLAYERS = "%s"\n' % " ".join(layers)),
        ("local.conf", configuration),
    ):
        path = os.path.join(folder, "conf", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    os.chdir(folder)
    cooker = bb.cookerdata.CookerConfiguration()
    cooker.env = {name: os.environ[name] for name in ("PATH", "HOME")}
    builder = bb.cookerdata.CookerDataBuilder(cooker)
    builder.parseBaseConfiguration()
    return builder
