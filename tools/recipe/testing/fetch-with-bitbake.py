"""Fetches and unpacks SRC_URI entries with BitBake's own fetchers, without a build.

Usage: fetch-with-bitbake.py FOLDER [--offline] < uris

Reads one URI a line, keeps downloads in FOLDER/downloads and unpacks below FOLDER/unpacked (a Go module cache in pkg/mod). Prints one JSON object a
line: {"uri": …, "error": null or text}. --offline forbids the network, so that only what is in downloads can be taken.
"""

import json
import logging
import os
import sys

import bb
import bb.data
import bb.fetch2
import bb.utils


def make_data(folder, offline):
    d = bb.data.init()
    d.setVar("DL_DIR", os.path.join(folder, "downloads"))
    d.setVar("PERSISTENT_DIR", os.path.join(folder, "persistent"))
    d.setVar("PATH", os.environ["PATH"])
    d.setVar("FETCHCMD_wget", "/usr/bin/env wget --tries=2 --timeout=100")
    d.setVar("WORKDIR", folder)
    d.setVar("UNPACKDIR", os.path.join(folder, "unpacked"))
    d.setVar("S", os.path.join(folder, "unpacked"))
    d.setVar("GO_MOD_CACHE_DIR", "pkg/mod")
    d.setVar("BB_STRICT_CHECKSUM", "1")
    d.setVar("FILE", os.path.join(folder, "check.bb"))
    if offline:
        d.setVar("BB_NO_NETWORK", "1")
    bb.utils.mkdirhier(d.getVar("DL_DIR"))
    bb.utils.mkdirhier(d.getVar("UNPACKDIR"))
    return d


def main():
    folder = sys.argv[1]
    logging.getLogger("BitBake").setLevel(logging.CRITICAL)
    d = make_data(folder, "--offline" in sys.argv)
    for uri in sys.stdin.read().split():
        error = None
        try:
            fetcher = bb.fetch2.Fetch([uri], d)
            fetcher.download()
            fetcher.unpack(d.getVar("UNPACKDIR"))
        except bb.BBHandledException as caught:
            error = str(caught)
        except bb.fetch2.BBFetchException as caught:
            error = str(caught)
        print(json.dumps({"uri": uri, "error": error}), flush=True)


main()
