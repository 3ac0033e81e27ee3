SUMMARY = "A device that joins a Kubernetes cluster: run k3s-agent on it"
DESCRIPTION = "k3s's agent, which does nothing until it is told its server, and what a node needs beside it."

require core-image-k3s.inc

IMAGE_INSTALL:append = " packagegroup-k3s-agent"
