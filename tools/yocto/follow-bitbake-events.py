#!/usr/bin/env python3
"""Follows a BitBake event log and prints what a progress display needs, one JSON object a line.

    follow-bitbake-events.py BITBAKE_LIB EVENT_LOG PID

BitBake's event log (`bitbake -w FILE`) holds pickled objects of BitBake's own classes, so only Python with BitBake's library can read it.
Ends when process PID has ended and the log is read to its end, or at the event that closes a command.
"""

import base64
import json
import logging
import os
import pickle
import re
import sys
import time

POLL_SECONDS = 0.2
SSTATE = re.compile(r"Sstate summary: Wanted (\d+) Local (\d+) Mirrors (\d+) Missed (\d+) Current (\d+)")


def tell(kind, **values):
    print(json.dumps({"event": kind, **values}), flush=True)


def tell_counts(stats):
    tell("counts", done=stats.completed, failed=stats.failed, active=stats.active, total=stats.total)


def tell_task(kind, event):
    tell(kind, recipe=event.pn, task=event.task, pid=event.pid, log=getattr(event, "logfile", None) or "", at=event.time)


def tell_record(record):
    text = record.getMessage()
    sstate = SSTATE.search(text)
    if sstate:
        wanted, local, mirrors, missed, current = map(int, sstate.groups())
        tell("sstate", wanted=wanted, local=local, mirrors=mirrors, missed=missed, current=current)
    elif record.levelno >= logging.WARNING:
        tell("message", level="error" if record.levelno >= logging.ERROR else "warning", text=text, pid=getattr(record, "taskpid", 0) or 0)


def tell_event(name, event):
    """Tells one event; returns True when it closes the command."""
    if name == "bb.event.CacheLoadProgress":
        tell("load")
    elif name == "bb.event.ParseProgress":
        tell("parse", done=event.current, total=event.total)
    elif name == "bb.event.ParseCompleted":
        tell("parsed", cached=event.cached, parsed=event.parsed, errors=event.errors)
    elif name in ("bb.runqueue.runQueueTaskStarted", "bb.runqueue.runQueueTaskCompleted", "bb.runqueue.runQueueTaskSkipped"):
        tell_counts(event.stats)
    elif name == "bb.runqueue.runQueueTaskFailed":
        tell_counts(event.stats)
        tell("failed-task", id=event.taskstring, exitCode=int(event.exitcode) if str(event.exitcode).isdigit() else 1)
    elif name in ("bb.runqueue.sceneQueueTaskStarted", "bb.runqueue.sceneQueueTaskCompleted"):
        stats = event.stats
        tell("setscene", done=stats.setscene_covered + stats.setscene_notcovered, total=stats.setscene_total)
    elif name == "bb.build.TaskStarted":
        tell_task("started", event)
    elif name == "bb.build.TaskSucceeded":
        tell_task("succeeded", event)
    elif name == "bb.build.TaskFailed":
        tell_task("failed", event)
    elif name == "bb.event.NoProvider":
        tell("message", level="error", text=str(event), pid=0)
    elif name == "bb.event.ProcessStarted":
        tell("phase", name=event.processname)
    elif name == "bb.event.DiskFull":
        tell("message", level="error", text="disk full: %s (%s)" % (event._mountpoint, event._dev), pid=0)
    elif name == "bb.command.CommandFailed":
        if event.error:
            tell("message", level="error", text=str(event.error), pid=0)
        return True
    elif name in ("bb.command.CommandCompleted", "bb.command.CommandExit", "bb.cooker.CookerExit"):
        return True
    elif isinstance(event, logging.LogRecord):
        tell_record(event)
    return False


def tell_line(line):
    entry = json.loads(line)
    if "class" not in entry:
        return False
    try:
        event = pickle.loads(base64.b64decode(entry["vars"]))
    except Exception as error:  # an event class of a layer that this process does not have
        print("cannot read %s: %s" % (entry["class"], error), file=sys.stderr)
        return False
    return tell_event(entry["class"], event)


def is_alive(pid):
    return os.path.exists("/proc/%d" % pid)


def follow(path, pid):
    rest = b""
    while not os.path.exists(path):
        if not is_alive(pid):
            return
        time.sleep(POLL_SECONDS)
    with open(path, "rb") as log:
        while True:
            alive = is_alive(pid)
            chunk = log.read()
            if not chunk:
                if not alive:
                    return
                time.sleep(POLL_SECONDS)
                continue
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip() and tell_line(line):
                    return


def main(arguments):
    library, path, pid = arguments
    sys.path.insert(0, library)
    import bb.build  # noqa: F401
    import bb.command  # noqa: F401
    import bb.cooker  # noqa: F401
    import bb.event  # noqa: F401
    import bb.runqueue  # noqa: F401

    follow(path, int(pid))


if __name__ == "__main__":
    main(sys.argv[1:])
