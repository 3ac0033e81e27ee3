import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Scenario } from "../../tools/scenario/scenario.ts";
import { quote } from "../harness/format-shell-word.ts";
import { plantBeforeK3s } from "../harness/plant-fault.ts";
import { endDevice } from "./end-device.ts";
import {
  apply,
  deletePod,
  IMAGES_FOLDER,
  inPod,
  MANIFESTS_FOLDER,
  podReady,
  readObjects,
  renderShellPod,
  SHELL_IMAGE,
} from "./guest-questions.ts";

/** QEMU's user network leads this address to the host's loopback, unless it is restricted (QEMU: -netdev user). */
const HOST_ADDRESS = "10.0.2.2";

/** Whether the guest can open a TCP connection to a server that surely listens on the host. */
async function reachesHost(guest: Guest): Promise<boolean> {
  const server = createServer((socket) => socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const probe = `timeout 20 bash -c ${quote(`exec 3<>/dev/tcp/${HOST_ADDRESS}/${port}`)}`;
    return (await guest.shell.run(probe, { timeoutMs: 60_000 })).status === 0;
  } finally {
    server.close();
  }
}

/** The runtime's own record: containerd logs each pull that it is asked for; kubelet makes an event of each. */
async function listPulls(guest: Guest): Promise<string> {
  const containerd = "cat /var/lib/rancher/k3s/agent/containerd/containerd.log 2>/dev/null; journalctl -b --no-pager -o cat -u k3s";
  const logged = await guest.sh(`{ ${containerd}; } | grep -o 'PullImage [^ ]*' | sort -u | head -n 20; true`);
  const events = await readObjects(guest, "/api/v1/events?fieldSelector=reason=Pulling", "message");
  return [logged, ...events].filter((text) => text !== "").join("; ");
}

/**
 * References in the archives' own tables of contents (index.json of OCI, manifest.json of docker save), and in the runtime; digests, by which every
 * image has a second name, left out.
 */
async function listImages(guest: Guest): Promise<{ archives: readonly string[]; runtime: readonly string[] }> {
  const tables = `for f in ${IMAGES_FOLDER}/*.tar*; do tar -xOf "$f" index.json 2>/dev/null; tar -xOf "$f" manifest.json 2>/dev/null; done`;
  const reference = String.raw`"[a-z0-9.-]+(/[a-z0-9._-]+)+:[A-Za-z0-9._-]+"`;
  const names = (await guest.sh(`{ ${tables}; } | grep -oE ${quote(reference)} | tr -d '"'`)).split("\n");
  const runtime = await guest.sh("k3s ctr -n k8s.io images ls -q | grep -v sha256: | sort -u");
  const full = names.map((name) => (/^[^/]*[.:]/u.test(name) ? name : `docker.io/${name}`));
  return { archives: [...new Set(full)].sort(), runtime: runtime.split("\n").sort() };
}

function renderManifest(value: string, second: boolean): string {
  const map = (name: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: default }\ndata: { value: ${value} }\n`;
  return second ? `${map("dropped-one")}---\n${map("dropped-two")}` : map("dropped-one");
}

const VOLUME = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: keep }
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: local-path
  resources: { requests: { storage: 16Mi } }
`;
const MOUNT = `      volumeMounts: [{ name: keep, mountPath: /keep }]
  volumes: [{ name: keep, persistentVolumeClaim: { claimName: keep } }]
`;

/** A device that never sees a network. */
export const offline: Scenario = {
  name: "offline",
  about: "without any network a device turns Ready from its own images, deploys what is put into its folders and keeps its volumes",
  minutes: 15,
  defects: [
    {
      name: "open-network",
      about: "the machine has a network after all",
      machine: () => ({ restrictNetwork: false }),
      fails: { check: /nothing outside/, words: /reached a server on the host/ },
    },
    {
      name: "image-missing",
      about: "CoreDNS's image archive is not on the device",
      machine: () => ({ handOver: plantBeforeK3s(`rm -f ${IMAGES_FOLDER}/*coredns*`) }),
      fails: { check: /Ready without a network/, words: /coredns/ },
    },
  ],
  run: async (lab) => {
    const device = { restrictNetwork: true, keepDisks: true };
    let guest = await lab.boot("device", device);
    await lab.check("nothing outside can be reached", async () => {
      must(!(await reachesHost(guest)), `the device reached a server on the host at ${HOST_ADDRESS}`);
    });
    await guest.ready("all is Ready without a network");
    await lab.check("no image was pulled", async () => {
      const pulls = await listPulls(guest);
      must(pulls === "", `the runtime was asked to pull: ${pulls}`);
    });
    await lab.check("the runtime has the archives' images and no others", async () => {
      const { archives, runtime } = await listImages(guest);
      must(runtime.join(" ") === archives.join(" "), `archives: ${archives.join(" ")}; runtime: ${runtime.join(" ")}`);
    });

    const manifest = `${MANIFESTS_FOLDER}/dropped.yaml`;
    const shows = async (name: string, value: string): Promise<void> =>
      lab.until(
        async () => {
          const seen = await readObjects(guest, `configmaps?fieldSelector=metadata.name=${name}`, "data.value");
          return seen[0] === value ? undefined : `configmap ${name}: "${seen[0] ?? "none"}"`;
        },
        { timeoutMs: 120_000 },
      );
    await lab.check("a manifest that is dropped in is deployed", async () => {
      await guest.shell.writeFile(manifest, renderManifest("first", true), { mode: 0o600 });
      await shows("dropped-two", "first");
    });
    await lab.check("a changed manifest is deployed again", async () => {
      await guest.shell.writeFile(manifest, renderManifest("second", true), { mode: 0o600 });
      await shows("dropped-two", "second");
    });
    await lab.check("what is taken out of a manifest is removed, and the rest stays", async () => {
      await guest.shell.writeFile(manifest, renderManifest("second", false), { mode: 0o600 });
      await lab.until(
        async () => {
          const left = await readObjects(guest, "configmaps?fieldSelector=metadata.name=dropped-two", "metadata.name");
          return left.length === 0 ? undefined : `configmap ${left.join(" ")} is still there`;
        },
        { timeoutMs: 120_000 },
      );
      await shows("dropped-one", "second");
    });

    await lab.check("an image archive that is dropped in is imported", async () => {
      const name = "example.invalid/dropped/shell:1";
      await guest.sh(
        `k3s ctr -n k8s.io images tag ${SHELL_IMAGE} ${name} && k3s ctr -n k8s.io images export /var/tmp/dropped.tar ${name} && ` +
          `k3s ctr -n k8s.io images rm ${name} && mv /var/tmp/dropped.tar ${IMAGES_FOLDER}/`,
      );
      await apply(guest, renderShellPod("from-archive", { image: name }));
      await podReady(lab, guest, "from-archive");
    });

    await lab.check("a volume is bound and written", async () => {
      await apply(guest, `${VOLUME}---\n${renderShellPod("writer", { extra: MOUNT })}`);
      await podReady(lab, guest, "writer");
      await inPod(guest, "writer", "echo kept >/keep/file && sync");
    });
    await lab.check("another pod finds the volume's data", async () => {
      await deletePod(lab, guest, "writer");
      await apply(guest, renderShellPod("reader", { extra: MOUNT }));
      await podReady(lab, guest, "reader");
      const found = await inPod(guest, "reader", "cat /keep/file");
      must(found === "kept", `the volume holds "${found}"`);
    });
    await lab.check("the device reboots when asked", async () => endDevice(guest, "reboot"));
    guest = await lab.boot("device", device);
    await guest.ready("all is Ready again after the reboot");
    await lab.check("the volume's data survived the reboot", async () => {
      await podReady(lab, guest, "reader");
      const found = await inPod(guest, "reader", "cat /keep/file");
      must(found === "kept", `the volume holds "${found}"`);
    });
  },
};
