# A Go program with modules.
GO = "go"
GOBUILDFLAGS = "-trimpath"
GOMODCACHE = "${S}/pkg/mod"
GO_SRCURI_DESTSUFFIX = "${BP}/src/${GO_IMPORT}"
GO_LDFLAGS = "-ldflags '${GO_EXTRA_LDFLAGS}'"
