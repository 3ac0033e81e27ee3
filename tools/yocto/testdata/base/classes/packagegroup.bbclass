# A recipe without files: packages that depend on others.
LICENSE = "MIT"
