#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#
"""wic's kickstart files, as far as the layer asks about them. Pure: who calls gives the text of files that are included."""

import shlex


def _words(text):
    """The words of each line that says something. A line that wic itself cannot read is left to wic to refuse."""
    for line in text.splitlines():
        try:
            words = shlex.split(line.strip(), comments=line.lstrip().startswith("#"))
        except ValueError:
            continue
        if words:
            yield words


def _option(words, name):
    """The value of --name VALUE or --name=VALUE, or None."""
    for word, following in zip(words, words[1:] + [None]):
        if word == name:
            return following
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
    return None


def partition_labels(text, read_included):
    """The labels that the partitions of a kickstart file have in the partition table: a set, empty where the table is no GPT, which alone
    has labels. read_included gives the text of a file that is included, by the name that stands in the line; None for one that is nowhere."""

    labels = set()
    tables = []

    def collect(part_text):
        for words in _words(part_text):
            if words[0] in ("part", "partition"):
                labels.add(_option(words, "--part-name"))
            elif words[0] == "bootloader":
                tables.append(_option(words, "--ptable") or "msdos")
            elif words[0] == "include" and len(words) > 1:
                collect(read_included(words[1]) or "")

    collect(text)
    return labels - {None} if any(table.startswith("gpt") for table in tables) else set()
