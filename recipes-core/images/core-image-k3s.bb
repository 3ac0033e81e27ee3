SUMMARY = "A device that is a Kubernetes cluster of its own: server and node in one"

require core-image-k3s.inc

IMAGE_INSTALL:append = " packagegroup-k3s-server"
