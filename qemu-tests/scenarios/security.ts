import { request } from "node:https";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { readGuestSecrets } from "../../tools/cluster/read-guest-secrets.ts";
import { readQemuboot } from "../../tools/machine/read-qemuboot.ts";
import { gatherBundle } from "../../tools/report/gather-bundle.ts";
import { CheckError, must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { findInFile } from "../harness/find-in-file.ts";
import { plantBeforeK3s } from "../harness/plant-fault.ts";
import { checkNetworkPolicy } from "./network-policy.ts";

const API_PORT = 6443;
const KUBELET_PORT = 10_250;
/** Ports that are open to other machines, and why (docs/on-device.md, docs.k3s.io/installation/requirements). */
const TCP_PORTS: Readonly<Record<number, string>> = { 22: "SSH", [API_PORT]: "the API server", [KUBELET_PORT]: "kubelet" };
const UDP_PORTS: Readonly<Record<number, string>> = { 68: "DHCP client", 8472: "flannel's VXLAN" };

/** Status of a GET without any credentials, through a tunnel that ends at the guest's own loopback. */
async function askAnonymously(guest: Guest, port: number, path: string): Promise<number> {
  await using tunnel = await guest.shell.forward({ host: "127.0.0.1", port });
  return await new Promise((resolve, reject) => {
    const asking = request(
      // The certificate is the cluster's own; what is asked for is whether a stranger is let in.
      { host: "127.0.0.1", port: tunnel.port, path, rejectUnauthorized: false, timeout: 60_000, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    asking.on("error", reject);
    asking.on("timeout", () => asking.destroy(new CheckError(`port ${port} does not answer`)));
    asking.end();
  });
}

/** Files that hold keys, tokens or credentials, and are not root's alone. */
async function listOpenFiles(guest: Guest): Promise<string> {
  const names = ["*.key", "*token*", "*.kubeconfig", "k3s.yaml", "passwd", "password", "*.env"]
    .map((name) => `-name '${name}'`)
    .join(" -o ");
  return guest.sh(
    `find /etc/rancher /var/lib/rancher/k3s/server /var/lib/rancher/k3s/agent -xdev \\( -path '*/containerd/*' -prune \\) -o ` +
      `-type f \\( ${names} \\) \\( -perm /077 -o ! -user root \\) -printf '%m %u %p\\n'`,
  );
}

/** Ports on which the guest listens for more than itself: "tcp 6443 k3s". */
async function listPorts(guest: Guest): Promise<readonly { kind: string; port: number; who: string }[]> {
  const lines = (await guest.sh("ss -H -tulnp")).split("\n");
  return lines.flatMap((line) => {
    const [kind = "", , , , local = "", , who = ""] = line.trim().split(/\s+/u);
    const at = local.lastIndexOf(":");
    const address = local.slice(0, at).replace(/%.*$/u, "");
    return /^(127\.|\[::1\])/u.test(address) ? [] : [{ kind, port: Number(local.slice(at + 1)), who }];
  });
}

/** A secret in the image is every device's. What the image surely has is looked for too: files in a compressed filesystem cannot be seen. */
async function checkImage(lab: Lab, guest: Guest, secrets: readonly string[]): Promise<void> {
  await lab.check("a secret is not in the image", async () => {
    const { rootfsPath } = await readQemuboot(lab.ctx, { path: lab.qemubootPath });
    const known = await guest.sh("grep ^PRETTY_NAME= /etc/os-release");
    must(
      await findInFile(lab.ctx, rootfsPath, [known]),
      `${rootfsPath} cannot be looked into: its own os-release is not seen in it`,
    );
    must(!(await findInFile(lab.ctx, rootfsPath, secrets)), `one of the cluster's secrets is in ${rootfsPath}`);
  });
}

async function checkSecrets(lab: Lab, guest: Guest, secrets: readonly string[]): Promise<void> {
  const look: Readonly<Record<string, string>> = {
    "a process's arguments or environment": "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
    "the kernel's command line": "cat /proc/cmdline",
    "the journal": "journalctl -b --no-pager -o cat",
  };
  for (const [where, command] of Object.entries(look)) {
    await lab.check(`a secret is not in ${where}`, async () => {
      const text = await guest.sh(command);
      must(text.length > 10, `nothing was read: "${text}"`);
      must(!secrets.some((secret) => text.includes(secret)), "one of the cluster's secrets is in it");
    });
  }
  await checkImage(lab, guest, secrets);
  await lab.check("a secret is not in the failure bundle", async () => {
    const folder = await mkdtemp(join(lab.ctx.env["TMPDIR"] ?? tmpdir(), "meta-k3s-bundle-"));
    try {
      const { name, shell, machine } = guest;
      const guests = [{ name, shell, consolePath: machine.consolePath, qemuArgv: [] }];
      await gatherBundle(lab.ctx, { folder, guests, qemuVersion: "", secrets, timeoutMs: 240_000 });
      const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
      must(files.length > 5, `the bundle has ${files.length} files`);
      for (const file of files) {
        const text = await readFile(join(file.parentPath, file.name), "utf8");
        must(!secrets.some((secret) => text.includes(secret)), `one of the cluster's secrets is in ${file.name}`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** What an attacker on the device or beside it meets. */
export const security: Scenario = {
  name: "security",
  about:
    "secrets are root's alone and nowhere else, strangers are refused, only the documented ports are open, policies keep packets out",
  minutes: 10,
  defects: [
    {
      name: "kubeconfig-open",
      about: "the kubeconfig can be read by everybody",
      machine: () => ({
        handOver: {
          files: [{ path: "/etc/rancher/k3s/config.yaml.d/60-lab.yaml", mode: "0600", content: 'write-kubeconfig-mode: "0644"\n' }],
        },
      }),
      fails: { check: /are root's alone/u, words: /k3s\.yaml/u },
    },
    {
      name: "port-open",
      about: "something else listens to the network",
      machine: () => ({ handOver: plantBeforeK3s("systemd-run --unit=leak systemd-socket-activate -l 0.0.0.0:9999 /bin/cat") }),
      fails: { check: /documented ports/u, words: /9999/u },
    },
    {
      name: "kernel-defaults",
      about: "the kernel is not set as kubelet demands, so that it must refuse to start",
      machine: () => ({ handOver: plantBeforeK3s("sysctl -q -w vm.overcommit_memory=0 kernel.panic=0") }),
      fails: { check: /is Ready/u, words: /kubelet|kernel|overcommit|panic/iu },
    },
  ],
  run: async (lab) => {
    const guest = await lab.boot("device", {
      handOver: {
        files: [{ path: "/etc/rancher/k3s/config.yaml.d/50-lab.yaml", mode: "0600", content: "protect-kernel-defaults: true\n" }],
      },
    });
    await guest.ready("the server is Ready with --protect-kernel-defaults");
    await lab.check("tokens, keys and kubeconfigs are root's alone", async () => {
      const open = await listOpenFiles(guest);
      must(open === "", `others may read: ${open.replaceAll("\n", "; ")}`);
    });
    const secrets = await readGuestSecrets(guest.shell);
    await lab.check("there are secrets to look for", async () => {
      must(
        secrets.some((secret) => secret.length >= 16),
        "no token was found on the device",
      );
    });
    await checkSecrets(lab, guest, secrets);
    await lab.check("an unprivileged user on the device cannot use the API", async () => {
      const tried = await guest.shell.run("setpriv --reuid=65534 --regid=65534 --clear-groups k3s kubectl get nodes", {
        timeoutMs: 120_000,
      });
      must(tried.status !== 0, `it answered: ${tried.stdout}`);
      must(/permission denied/iu.test(tried.stderr), `it was refused in other words: ${tried.stderr.trim()}`);
    });
    await lab.check("anonymous requests are refused", async () => {
      for (const [port, path] of [
        [API_PORT, "/api/v1/secrets"],
        [API_PORT, "/version"],
        [KUBELET_PORT, "/pods"],
      ] as const) {
        const status = await askAnonymously(guest, port, path);
        must(status === 401 || status === 403, `${path} at port ${port} answers ${status}`);
      }
    });
    await lab.check("only the documented ports are open to other machines", async () => {
      const ports = await listPorts(guest);
      const unknown = ports.filter(({ kind, port }) => (kind === "udp" ? UDP_PORTS : TCP_PORTS)[port] === undefined);
      must(unknown.length === 0, `open beside them: ${unknown.map(({ kind, port, who }) => `${kind} ${port} ${who}`).join(", ")}`);
      const missing = Object.entries(TCP_PORTS).filter(
        ([port]) => !ports.some((open) => open.kind === "tcp" && open.port === Number(port)),
      );
      must(missing.length === 0, `documented but not open: ${missing.map(([port, what]) => `${port} (${what})`).join(", ")}`);
    });
    await checkNetworkPolicy(lab, guest);
  },
};
