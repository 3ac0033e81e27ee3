module meta-k3s/klipper-lb

go 1.26.0
