import type { GuestHandOver } from "../../tools/machine/machine.ts";

/** A shell script that the guest runs as root before k3s starts: how a fault is planted without touching the image or the product. */
export function plantBeforeK3s(script: string): Partial<GuestHandOver> {
  const path = "/run/meta-k3s-fault/plant";
  return {
    files: [{ path, mode: "0755", content: `#!/bin/sh\n${script}\n` }],
    credentials: [{ name: "systemd.unit-dropin.k3s.service", content: `[Service]\nExecStartPre=+${path}\n` }],
  };
}

/** A setting of k3s, as a file of config.yaml.d. */
export function giveConfig(yaml: string): Partial<GuestHandOver> {
  return { files: [{ path: "/etc/rancher/k3s/config.yaml.d/50-test.yaml", mode: "0600", content: yaml }] };
}

/** One of the layer's own scripts in /usr/libexec/k3s that does nothing. */
export function idleScript(name: string): Partial<GuestHandOver> {
  return { files: [{ path: `/usr/libexec/k3s/${name}`, mode: "0755", content: "#!/bin/sh\n" }] };
}
