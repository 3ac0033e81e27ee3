#
# Copyright the meta-k3s maintainers
#
# SPDX-License-Identifier: MIT
#
"""What k3s needs of a kernel, read from the fragments in recipes-kernel/linux/k3s, whose README.md has the grammar.

Nothing here knows BitBake: the class k3s-kernel-check calls it, and so can anything else.
"""

import dataclasses
import glob
import os
import re

LEVELS = ("required", "recommended")
CONDITIONS = ("snapshotter", "flannel", "iptables", "arch")


class GrammarError(Exception):
    """A fragment that does not follow the grammar; the message begins with its file and line."""


@dataclasses.dataclass(frozen=True)
class Requirement:
    """One stanza of a fragment."""

    symbol: str
    # "y", "m", or "n" for `# CONFIG_X is not set`.
    value: str
    level: str
    reason: str
    # The fragment's file name, to be named where the symbol is missing.
    fragment: str
    # From a condition's name to the values that fulfil it.
    conditions: dict
    modules: tuple = ()
    exact: bool = False
    since: tuple = ()
    until: tuple = ()

    def applies(self, settings, version):
        """Whether the stanza applies under settings, a dict from conditions' names to values, and to a kernel's version."""
        if self.since and version < self.since:
            return False
        if self.until and version[: len(self.until)] > self.until:
            return False
        return all(settings.get(name) in values for name, values in self.conditions.items())

    def satisfied_by(self, value):
        """Whether value ("y", "m", "n" or something else) is what the stanza asks for."""
        if self.value == "n":
            return value not in ("y", "m")
        if self.value == "m" and not self.exact:
            return value in ("y", "m")
        return value == self.value

    def line(self):
        """The line that would set the symbol."""
        return "# %s is not set" % self.symbol if self.value == "n" else "%s=%s" % (self.symbol, self.value)


def parse_version(text):
    """(6, 18) from "6.18" or "6.18.3-yocto-standard"."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not match:
        raise ValueError("'%s' is not the version of a kernel" % text)
    return tuple(int(number) for number in match.groups() if number is not None)


def parse_fragment(text, name):
    """The Requirements in a fragment's text; name is its file's. Raises GrammarError."""

    requirements = []
    reason, control, line_of_control = [], None, 0
    for number, line in enumerate(text.splitlines(), 1):

        def fail(message):
            raise GrammarError("%s:%d: %s" % (name, number, message))

        setting = re.fullmatch(r"(CONFIG_\w+)=([ym])|# (CONFIG_\w+) is not set", line)
        if setting:
            if control is None or not reason:
                fail("above a symbol stand its reason and a '# k3s:' line")
            symbol = setting.group(1) or setting.group(3)
            try:
                fields = parse_control(control)
            except ValueError as error:
                number = line_of_control
                fail(str(error))
            requirements.append(
                Requirement(
                    symbol=symbol,
                    value=setting.group(2) or "n",
                    reason=" ".join(reason),
                    fragment=name,
                    **fields,
                )
            )
            reason, control = [], None
        elif line.startswith("# k3s:"):
            if control is not None:
                fail("a second '# k3s:' line for one symbol")
            control, line_of_control = line[len("# k3s:") :], number
        elif line.startswith("# "):
            reason.append(line[2:])
        elif line == "":
            if control is not None:
                fail("a '# k3s:' line without a symbol")
            reason = []
        else:
            fail("neither a comment nor a symbol: '%s'" % line)
    if control is not None:
        raise GrammarError("%s:%d: a '# k3s:' line without a symbol" % (name, line_of_control))
    return requirements


def parse_control(text):
    """The fields of a Requirement from what follows '# k3s:'. Raises ValueError."""

    words = text.split()
    if not words or words[0] not in LEVELS:
        raise ValueError("after '# k3s:' comes one of: %s" % ", ".join(LEVELS))
    fields = {"level": words[0], "conditions": {}}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if word == "exact":
            fields["exact"] = True
        elif equals and value and key == "module":
            fields["modules"] = tuple(value.split(","))
        elif equals and value and key in ("since", "until"):
            fields[key] = parse_version(value)
        elif equals and value and key in CONDITIONS:
            fields["conditions"][key] = tuple(value.split(","))
        else:
            raise ValueError("'%s' is not a condition" % word)
    return fields


def read_fragments(directory):
    """The Requirements of all fragments in a directory. Raises GrammarError, also for a symbol that stands twice."""

    seen = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.cfg"))):
        with open(path, encoding="utf-8") as file:
            for requirement in parse_fragment(file.read(), os.path.basename(path)):
                earlier = seen.setdefault(requirement.symbol, requirement)
                if earlier is not requirement:
                    raise GrammarError(
                        "%s: %s stands in %s already" % (requirement.fragment, requirement.symbol, earlier.fragment)
                    )
    return list(seen.values())


def parse_config(text):
    """From a kernel's .config to a dict from symbol to value; a symbol that is not set is not in it."""
    return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.MULTILINE))


def missing_symbols(requirements, config, settings, version):
    """The Requirements that apply and that config, a dict from symbol to value, does not fulfil."""
    return [
        requirement
        for requirement in requirements
        if requirement.applies(settings, version)
        and not requirement.satisfied_by(config.get(requirement.symbol, "n"))
    ]


def wanted_modules(requirements, settings, version):
    """Pairs of a module's name and its Requirement, for all that apply."""
    return [
        (module, requirement)
        for requirement in requirements
        if requirement.applies(settings, version)
        for module in requirement.modules
    ]


def normalised(module):
    """A module's name as `lsmod` writes it: file and package names may have dashes."""
    return re.sub(r"\.ko(\.\w+)?$", "", os.path.basename(module)).replace("-", "_")


def modules_present(modules_directory):
    """The names of the modules in /lib/modules/VERSION: those with a .ko file below it, and those built in."""

    present = set()
    for _, _, files in os.walk(modules_directory):
        present.update(normalised(file) for file in files if re.search(r"\.ko(\.\w+)?$", file))
    builtin = os.path.join(modules_directory, "modules.builtin")
    if os.path.exists(builtin):
        with open(builtin, encoding="utf-8") as file:
            present.update(normalised(line.strip()) for line in file if line.strip())
    return present


def describe(requirement, found):
    """One line about a requirement that is not met, and what should have set it."""
    state = "is not set" if found in (None, "n") else "is %s" % found
    return "%s %s; wanted '%s' (%s): %s" % (
        requirement.symbol,
        state,
        requirement.line(),
        requirement.fragment,
        requirement.reason,
    )
