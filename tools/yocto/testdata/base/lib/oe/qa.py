"""What a check has found: an error, a warning or nothing worth stopping for, as ERROR_QA and WARN_QA have it."""

import bb


def handle_error(name, message, d):
    text = "QA Issue: %s [%s]" % (message, name)
    if name in d.getVar("ERROR_QA").split():
        bb.error(text)
        d.setVar("QA_ERRORS_FOUND", "1")
    elif name in d.getVar("WARN_QA").split():
        bb.warn(text)


def exit_if_errors(d):
    if d.getVar("QA_ERRORS_FOUND"):
        bb.fatal("Fatal QA errors were found, failing task.")
