"""Parses recipes of this layer with BitBake's own parser and openembedded-core, without a server and without a build: a second each.

Usage: parse-recipe.py SOURCES LAYER FOLDER < cases

SOURCES holds clones of bitbake, openembedded-core and meta-openembedded. Reads one JSON object a line, {"configuration": lines of local.conf,
"recipe": path in the layer, "variables": names, "layouts": paths (or none)}, and prints a JSON object for each: {"values": …, "warnings": [...]}, where
the warnings are those of k3s_check_layout for each layout. FOLDER holds what is written on the way.
"""

import json
import os
import sys

sources, layer, folder = sys.argv[1:]
sys.path.insert(0, os.path.join(sources, "bitbake/lib"))

import bitbake_parser  # noqa: E402

import bb.utils  # noqa: E402

LAYERS = [
    os.path.join(sources, "openembedded-core/meta"),
    *(os.path.join(sources, "meta-openembedded", name) for name in ("meta-oe", "meta-python", "meta-networking")),
    layer,
]


def parse(case):
    builder = bitbake_parser.open_builder(folder, LAYERS, case["configuration"])
    return builder.parseRecipe(os.path.join(layer, case["recipe"]), [], "k3s")


def run(d, function):
    """A Python function of the recipe, as a task runs it."""
    text = "def run(d):\n%s\nrun(d)\n" % d.getVar(function, False)
    bb.utils.better_exec(bb.utils.better_compile(text, function, function), {"d": d}, text, function)


def main():
    for line in sys.stdin:
        case = json.loads(line)
        d = parse(case)
        d.setVar("T", folder)
        with bitbake_parser.Kept() as kept:
            for layout in case.get("layouts", []):
                d.setVar("WKS_FULL_PATH", layout)
                run(d, "k3s_check_layout")
        values = {name: d.getVar(name) for name in case["variables"]}
        print(json.dumps({"values": values, "warnings": [text for _, text in kept.messages]}), flush=True)


main()
