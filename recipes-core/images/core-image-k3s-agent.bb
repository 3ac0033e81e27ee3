SUMMARY = "A device that joins a Kubernetes cluster: run k3s-agent on it"

require core-image-k3s.inc

IMAGE_INSTALL:append = " packagegroup-k3s-agent"
