# The layout of a disk, where there is one.
WKS_FILE ??= "none.wks"
WKS_SEARCH_PATH = "${@':'.join(path + '/files/wic' for path in d.getVar('BBPATH').split(':'))}"
WKS_FULL_PATH = "${@bb.utils.which(d.getVar('WKS_SEARCH_PATH'), d.getVar('WKS_FILE'))}"
