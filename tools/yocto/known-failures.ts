/** A cause of failure that is known, how to see it in a log, and what cures it. */
export interface KnownFailure {
  readonly name: string;
  readonly pattern: RegExp;
  readonly cause: string;
  readonly cure: string;
}

/** Most telling first: the first that matches a log is told first. Patterns are matched line by line. */
export const KNOWN_FAILURES: readonly KnownFailure[] = [
  {
    name: "disk full",
    pattern: /No space left on device|disk full|The free space of .* is running low|ENOSPC/u,
    cause: "the disk is full",
    cure: 'free some space, then build again; INHERIT += "rm_work" in conf/auto.conf keeps less, ./meta-k3s clean MACHINE --work removes work folders',
  },
  {
    name: "out of memory",
    pattern:
      /(?:cc1plus|cc1|compile|link|ld|rustc).*(?:signal: killed|terminated with signal 9|: Killed)|fatal error: Killed signal|Cannot allocate memory|signal: killed/u,
    cause: "the kernel ended a compiler because memory ran out",
    cure: 'fewer jobs: PARALLEL_MAKE = "-j 2" and BB_NUMBER_THREADS = "2" in conf/auto.conf, or add swap',
  },
  {
    name: "network",
    pattern:
      /Could not resolve host|Temporary failure in name resolution|unable to resolve host|Network is unreachable|Connection timed out|Failed to connect to/u,
    cause: "a host could not be reached",
    cure: "mend the network or set https_proxy; what is at hand already can be given with DL_DIR or SOURCE_MIRROR_URL in conf/auto.conf",
  },
  {
    name: "no network allowed",
    pattern: /BB_NO_NETWORK|Network access disabled|network access is disabled|NetworkAccess\(/u,
    cause: "the build was set up without network, and something is missing from the downloads",
    cure: "./meta-k3s setup MACHINE --no-offline, or put the file named above into the downloads folder",
  },
  {
    name: "go checksum",
    pattern: /verifying .*: checksum mismatch|missing go\.sum entry|SECURITY ERROR/u,
    cause: "a Go module is not what go.sum says",
    cure: "./meta-k3s generate --check tells whether the recipe's module list fits the release",
  },
  {
    name: "checksum",
    pattern: /Checksum mismatch|checksum mismatch|has .* checksum .* when .* was expected/u,
    cause: "a download is not what its recipe pins",
    cure: "remove the file from the downloads folder and build again; if it comes back the same, its server changed it: do not update the checksum unseen",
  },
  {
    name: "fetch",
    pattern: /Fetcher failure|Unable to fetch URL from any source|Bitbake Fetcher Error/u,
    cause: "a source could not be fetched from anywhere",
    cure: 'look at the URL in the log; a mirror can be named with SOURCE_MIRROR_URL and INHERIT += "own-mirrors" in conf/auto.conf',
  },
  {
    name: "license",
    pattern: /LIC_FILES_CHKSUM points to .* invalid|The LIC_FILES_CHKSUM does not match|has a restricted license/u,
    cause: "a licence file differs from what the recipe records, or a licence is not accepted",
    cure: "compare the licence text, then update LIC_FILES_CHKSUM, or name the licence in LICENSE_FLAGS_ACCEPTED",
  },
  {
    name: "patch",
    pattern: /Hunk #\d+ FAILED|Applying patch .* on target directory|does not apply/u,
    cause: "a patch does not fit its source",
    cure: "devtool modify RECIPE, refresh the patch there, devtool finish RECIPE LAYER",
  },
  {
    name: "kernel configuration",
    pattern: /k3s-kernel-check|lacks? .*CONFIG_[A-Z0-9_]+/u,
    cause: "the kernel's configuration lacks what k3s needs",
    cure: "the fragment named in the log sets it: recipes-kernel/linux/k3s/; ./meta-k3s kernel check audits a .config",
  },
  {
    name: "not found",
    pattern: /Nothing R?PROVIDES|has no buildable providers/u,
    cause: "no layer provides what was asked for, or its recipe is skipped",
    cure: "the reason is in the message; a missing layer is added with bitbake-layers add-layer, a skipped recipe says which line to write",
  },
  {
    name: "user namespaces",
    pattern: /User namespaces are not usable by BitBake/u,
    cause: "an ordinary user may not make namespaces (AppArmor on Ubuntu 24.04 and later, or a container's seccomp profile)",
    cure: "./meta-k3s doctor --build names the setting",
  },
  {
    name: "locale",
    pattern: /needs to support the en_US\.UTF-8 locale|Please make sure locale/u,
    cause: "the locale en_US.UTF-8 is missing",
    cure: "./meta-k3s doctor --build names the command",
  },
  {
    name: "go toolchain",
    pattern: /go\.mod requires go >= |requires go >= .* \(running go/u,
    cause: "the release's Go is older than the source asks for",
    cure: "use a branch of openembedded-core with a newer Go, or an older k3s (docs/layer.md)",
  },
  {
    name: "compiler",
    pattern: /^.*:\d+(?::\d+)?: (?:fatal )?error: |undefined reference to|ld returned 1 exit status/u,
    cause: "the compiler refused the source",
    cure: "the first error: line counts; the recipe may be too old for the compiler",
  },
];
