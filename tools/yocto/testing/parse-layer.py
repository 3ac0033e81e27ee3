"""Parses all of a layer with BitBake's own parser over a base of stand-ins, and runs functions of its recipes as tasks run them.

Usage: parse-layer.py LAYER BASE FOLDER < cases

Reads one JSON object a line:
  configuration  lines of local.conf
  recipes        names of recipes; without it, all that BBFILES has
  variables      names to tell the values of
  run            functions to run, one after the other until one fails
  before         from names to values that are set before (a task's folders)
  event          true fires bb.event.SanityCheck first
and prints for each {"files": every file that was read, "unused": bbappends without a recipe, "messages": of the configuration and the event,
"recipes": {path: {"skipped": why or null, "failed": true or false, "messages": [[level, text]], "values": {…}}}}. FOLDER holds what is written on the way.
"""

import json
import os
import re
import sys

import bitbake_parser

import bb
import bb.build
import bb.cooker
import bb.event

layer, base, folder = (os.path.realpath(path) for path in sys.argv[1:])


def collect(builder):
    """Recipes and what appends to them, as BBFILES, BBFILES_DYNAMIC and the names have it."""
    d = builder.data
    priorities = [
        (name, d.getVar("BBFILE_PATTERN_" + name), re.compile(d.getVar("BBFILE_PATTERN_" + name) or "^$"), 1)
        for name in d.getVar("BBFILE_COLLECTIONS").split()
    ]
    collection = bb.cooker.CookerCollectFiles([entry for entry in priorities if entry[1]])
    recipes, _, _ = collection.collect_bbfiles(d, d)
    appends = {recipe: collection.get_file_appends(recipe) for recipe in recipes}
    used = {path for paths in appends.values() for path in paths}
    return appends, sorted(path for _, path in collection.bbappends if path not in used)


def parse(builder, recipe, appends, case, files):
    """A recipe's answer. BitBake tells a failure by one of several exceptions, most of them after it has logged the reason."""
    answer = {"skipped": None, "failed": False, "values": {}}
    with bitbake_parser.Kept() as kept:
        try:
            d = builder.parseRecipe(recipe, appends, "")
            files.update(name for name, _ in d.getVar("__depends", False) or [])
            answer["skipped"] = d.getVar("__SKIPPED") or None
            answer["values"] = {name: d.getVar(name) for name in case.get("variables", [])}
            for name, value in case.get("before", {}).items():
                d.setVar(name, value)
            for function in case.get("run", []):
                bb.build.exec_func(function, d)
        except Exception as error:
            answer["failed"] = True
            if not isinstance(error, bb.BBHandledException):
                kept.messages.append(("ERROR", "%s: %s" % (type(error).__name__, error)))
    answer["messages"] = kept.messages
    return answer


def name_of(path):
    return os.path.relpath(path, layer if path.startswith(layer + "/") else base)


def recipe_name(path):
    return os.path.basename(path).removesuffix(".bb").split("_")[0]


def answer_case(case):
    files = set()
    answer = {"unused": [], "recipes": {}}
    with bitbake_parser.Kept() as kept:
        try:
            builder = bitbake_parser.open_builder(folder, [base, layer], case["configuration"])
            files.update(name for name, _ in builder.data.getVar("__base_depends", False))
            if case.get("event"):
                bb.event.fire(bb.event.SanityCheck(), builder.data)
            appends, answer["unused"] = collect(builder)
        except bb.BBHandledException:
            appends = {}
    answer["messages"] = kept.messages
    asked = case.get("recipes")
    for recipe in sorted(appends):
        if asked is None or recipe_name(recipe) in asked:
            files.update([recipe, *appends[recipe]])
            answer["recipes"][name_of(recipe)] = parse(builder, recipe, appends[recipe], case, files)
    answer["files"] = sorted(name_of(path) for path in files if path.startswith((layer + "/", base + "/")) and os.path.exists(path))
    return answer


def main():
    # What the functions print must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer_case(json.loads(line))), file=answers, flush=True)


main()
