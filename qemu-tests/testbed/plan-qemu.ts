import { ConfigError } from "../../tools/core/errors.ts";
import type { Architecture } from "../../tools/machine/machine-spec.ts";
import { QEMU_PACKAGES } from "../../tools/machine/plan-machine.ts";
import type { TestbedArchitecture } from "./plan-architecture.ts";

/** The host's architecture in Debian's words, where its multiarch libraries lie, and the loader (ELF interpreter) among them. */
const HOSTS: Readonly<Record<string, { readonly debian: string; readonly libraries: string; readonly loader: string }>> = {
  x86_64: { debian: "amd64", libraries: "usr/lib/x86_64-linux-gnu", loader: "ld-linux-x86-64.so.2" },
  aarch64: { debian: "arm64", libraries: "usr/lib/aarch64-linux-gnu", loader: "ld-linux-aarch64.so.1" },
};

/** Folders of the package tree with the firmware that QEMU loads by name; arm's virtual machines need none to start a kernel. */
const FIRMWARE: Readonly<Record<Architecture, readonly string[]>> = {
  x86_64: ["usr/share/qemu", "usr/share/seabios"],
  aarch64: ["usr/share/qemu"],
  arm: ["usr/share/qemu"],
};

export interface QemuPlan {
  /** Debian's name of the host's architecture. */
  readonly host: string;
  /** mmdebstrap's arguments up to its mode, output and mirror. */
  readonly options: readonly string[];
  /** Patterns of tar for what is unpacked. */
  readonly kept: readonly string[];
  /** Name and text of the program that starts QEMU; it belongs into a folder beside usr. */
  readonly program: { readonly name: string; readonly content: string };
}

/**
 * The testbed's own QEMU, from the Debian release of the guest, so that a run does not depend on the host's: QEMU 7.2, which Debian 12 has,
 * emulates cmpxchg16b wrongly and at times runs code of the kernel that was patched away (text_poke), which panics guests. It runs with its own
 * libraries through its own loader; nothing of the host is changed. `machine` is the host's `uname -m`. Throws ConfigError on a host of
 * another kind.
 */
export function planQemu(architecture: TestbedArchitecture, machine: string): QemuPlan {
  const host = HOSTS[machine];
  if (host === undefined) throw new ConfigError(`the testbed runs on x86_64 and aarch64 hosts, not on ${machine}`);
  const name = architecture.qemuboot.systemName;
  const firmware = FIRMWARE[architecture.arch];
  const search = firmware.map((folder) => `-L "$here/${folder}"`).join(" ");
  return {
    host: host.debian,
    options: [
      "--variant=extract",
      "--format=tar",
      `--architectures=${host.debian}`,
      "--components=main",
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Retries "3"',
      `--include=${QEMU_PACKAGES[architecture.arch]}`,
    ],
    kept: ["usr/bin/qemu-system-*", "usr/lib", ...firmware].map((pattern) => `./${pattern}`),
    program: {
      name,
      content: `#!/bin/sh
here=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
libraries="$here/${host.libraries}"
exec "$libraries/${host.loader}" --library-path "$libraries" "$here/usr/bin/${name}" ${search} "$@"
`,
    },
  };
}
