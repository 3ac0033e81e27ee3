module meta-k3s/pause

go 1.26.0
