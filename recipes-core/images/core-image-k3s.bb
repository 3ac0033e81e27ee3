SUMMARY = "A device that is a Kubernetes cluster of its own: server and node in one"
DESCRIPTION = "k3s's server with the components that K3S_DISABLE leaves, and what a node needs beside it."

require core-image-k3s.inc

IMAGE_INSTALL:append = " packagegroup-k3s-server"
