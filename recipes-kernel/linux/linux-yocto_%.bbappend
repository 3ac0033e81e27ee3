# Nothing may stand here beside this line: without the feature the kernel's signatures must be what they were.
require ${@bb.utils.contains('DISTRO_FEATURES', 'k3s', 'linux-yocto_k3s.inc', '', d)}
