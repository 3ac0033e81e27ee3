# A program that is configured by ./configure.
EXTRA_OECONF ?= ""
