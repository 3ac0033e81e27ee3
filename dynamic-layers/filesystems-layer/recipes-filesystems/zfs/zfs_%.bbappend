# Nothing may stand here beside this line: without the feature the signatures of zfs must be what they were.
require ${@bb.utils.contains('DISTRO_FEATURES', 'k3s', 'zfs_k3s.inc', '', d)}
