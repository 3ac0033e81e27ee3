"""Parses recipes of this layer with BitBake's own parser and openembedded-core, without a server and without a build: a second each.

Usage: parse-recipe.py SOURCES LAYER FOLDER < cases

SOURCES holds clones of bitbake, openembedded-core and meta-openembedded. Reads one JSON object a line, {"configuration": lines of local.conf,
"recipe": path in the layer, "variables": names, "layouts": paths (or none)}, and prints a JSON object for each: {"values": …, "warnings": [...]}, where
the warnings are those of k3s_check_layout for each layout. FOLDER holds what is written on the way.
"""

import json
import logging
import os
import sys

sources, layer, folder = sys.argv[1:]
sys.path.insert(0, os.path.join(sources, "bitbake/lib"))

import bb  # noqa: E402
import bb.cookerdata  # noqa: E402
import bb.utils  # noqa: E402

LAYERS = [
    os.path.join(sources, "openembedded-core/meta"),
    *(os.path.join(sources, "meta-openembedded", name) for name in ("meta-oe", "meta-python", "meta-networking")),
    layer,
]


class Kept(logging.Handler):
    """Keeps what is logged, from warnings on."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def parse(case):
    write(os.path.join(folder, "conf/bblayers.conf"), 'BBPATH = "${TOPDIR}"\nBBFILES ?= ""\nBBLAYERS = "%s"\n' % " ".join(LAYERS))
    write(os.path.join(folder, "conf/local.conf"), case["configuration"])
    os.chdir(folder)
    configuration = bb.cookerdata.CookerConfiguration()
    configuration.env = {name: os.environ[name] for name in ("PATH", "HOME")}
    builder = bb.cookerdata.CookerDataBuilder(configuration)
    builder.parseBaseConfiguration()
    return builder.parseRecipe(os.path.join(layer, case["recipe"]), [], "k3s")


def run(d, function):
    """A Python function of the recipe, as a task runs it."""
    text = "def run(d):\n%s\nrun(d)\n" % d.getVar(function, False)
    bb.utils.better_exec(bb.utils.better_compile(text, function, function), {"d": d}, text, function)


def main():
    logger = logging.getLogger("BitBake")
    logger.propagate = False
    for line in sys.stdin:
        case = json.loads(line)
        d = parse(case)
        d.setVar("T", folder)
        kept = Kept()
        logger.addHandler(kept)
        for layout in case.get("layouts", []):
            d.setVar("WKS_FULL_PATH", layout)
            run(d, "k3s_check_layout")
        logger.removeHandler(kept)
        print(json.dumps({"values": {name: d.getVar(name) for name in case["variables"]}, "warnings": kept.lines}), flush=True)


main()
