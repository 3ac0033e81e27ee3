import { dirname } from "node:path";
import { CheckError, must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { giveConfig } from "../harness/plant-fault.ts";
import { apply, inPod, podReady, readObject, renderShellPod, SLIM } from "./guest-questions.ts";

const PORT = 8080;
const BINARY = "/usr/bin/k3s";
const OLD = "/var/lib/rancher/k3s-old";
const NEW = "/var/lib/rancher/k3s-new";
const PROBE_LOG = "/run/meta-k3s-lab/probe";
/** Probes come once a second; one that is lost beside a restart is a busy machine's, several are a service that was away. */
const LOST_PROBES = 3;

/**
 * A newer k3s: the device's own with the last number of its version raised, which is text of one length. What is proven is the replacement, with
 * any binary; that two releases of k3s understand each other's data is k3s's own promise.
 */
async function makeNewer(guest: Guest): Promise<{ from: string; to: string }> {
  const [, from = "", patch = ""] = /(v\d+\.\d+\.(\d)\+[\w.]+)/u.exec(await guest.sh("k3s --version")) ?? [];
  const to = from.replace(/\.\d\+/u, `.${(Number(patch) + 1) % 10}+`);
  must(from !== "", "k3s --version does not say a version");
  const pattern = from.replaceAll(".", String.raw`\.`);
  await guest.sh(`cp ${BINARY} ${OLD} && LC_ALL=C sed 's/${pattern}/${to}/g' ${BINARY} >${NEW} && chmod 0755 ${NEW}`, {
    timeoutMs: 300_000,
  });
  const says = await guest.sh(`${NEW} --version`);
  must(says.includes(to), `the newer binary says: ${says}`);
  return { from, to };
}

/** As an updater does: the new file beside the old one, one rename, a restart. */
async function replace(lab: Lab, guest: Guest, binary: string, version: string): Promise<void> {
  await guest.sh(`cp ${binary} ${BINARY}.next && sync ${BINARY}.next && mv ${BINARY}.next ${BINARY} && systemctl restart k3s`, {
    timeoutMs: 600_000,
  });
  await lab.until(
    async () => {
      const seen = await guest.shell.run("k3s kubectl get nodes -o jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'", {
        timeoutMs: 60_000,
      });
      return seen.stdout === version ? undefined : `the node's kubelet is ${seen.stdout}${seen.stderr.trim()}, not ${version}`;
    },
    { timeoutMs: 600_000, everyMs: 3000 },
  );
}

/** Asks the service once a second, from the device and without the API server, and keeps what came. */
async function startProbe(guest: Guest, url: string): Promise<void> {
  const loop = `while :; do if [ "$(busybox wget -q -T 5 -O - ${url} 2>/dev/null)" = served ]; then echo served; else echo lost; fi; sleep 1; done`;
  await guest.sh(
    `mkdir -p ${dirname(PROBE_LOG)} && systemd-run --quiet --unit=lab-probe -p StandardOutput=append:${PROBE_LOG} /bin/sh -c '${loop}'`,
  );
}

async function readProbe(guest: Guest): Promise<{ served: number; lost: number }> {
  const [served = "0", lost = "0"] = (await guest.sh(`grep -c served ${PROBE_LOG}; grep -c lost ${PROBE_LOG}; true`)).split("\n");
  return { served: Number(served), lost: Number(lost) };
}

async function mustHaveServed(guest: Guest, before: { served: number; lost: number }): Promise<{ served: number; lost: number }> {
  const now = await readProbe(guest);
  must(now.served > before.served, "the service was asked and never answered");
  const lost = now.lost - before.lost;
  must(
    lost <= LOST_PROBES,
    `the service was away: ${lost} of ${now.served + now.lost - before.served - before.lost} requests were lost`,
  );
  return now;
}

/** A new k3s under running workloads, and the way back. */
export const upgrade: Scenario = {
  name: "upgrade",
  about: "k3s's binary is replaced by a newer one and by the old one again, while what runs keeps serving",
  minutes: 20,
  defects: [
    {
      name: "kill-containers",
      about: "the unit ends the containers with k3s",
      machine: () => ({
        handOver: {
          credentials: [{ name: "systemd.unit-dropin.k3s.service", content: "[Service]\nKillMode=control-group\nDelegate=no\n" }],
        },
      }),
      fails: { check: /kept serving/u, words: /was away/u },
    },
  ],
  run: async (lab) => {
    const guest = await lab.boot("device", { extraDiskMib: 3072, handOver: giveConfig(SLIM) });
    await guest.ready("the server is Ready");
    const versions = await lab.check("a newer k3s is at hand", async () => makeNewer(guest));
    const uid = await lab.check("a workload serves", async () => {
      const script = `mkdir -p /www && echo served > /www/index.html && exec httpd -f -p ${PORT} -h /www`;
      await apply(guest, renderShellPod("web", { script }));
      await podReady(lab, guest, "web");
      const address = await readObject(guest, "pods/web", "status.podIP");
      await startProbe(guest, `http://${address}:${PORT}/`);
      await lab.until(async () => ((await readProbe(guest)).served > 2 ? undefined : "no answer yet"), { timeoutMs: 60_000 });
      return readObject(guest, "pods/web", "metadata.uid");
    });
    let seen = await readProbe(guest);
    const steps = [
      { what: "upgrade", binary: NEW, version: versions.to },
      { what: "downgrade", binary: OLD, version: versions.from },
    ];
    for (const { what, binary, version } of steps) {
      await lab.check(`after the ${what} the node runs ${version}`, async () => replace(lab, guest, binary, version));
      await guest.ready(`all is Ready after the ${what}`);
      await lab.check(`the workload kept serving during the ${what}`, async () => {
        seen = await mustHaveServed(guest, seen);
      });
      await lab.check(`it is the same pod after the ${what}, and can be used`, async () => {
        const [now, restarts] = await Promise.all(
          ["metadata.uid", "status.containerStatuses.0.restartCount"].map(async (field) => readObject(guest, "pods/web", field)),
        );
        if (now !== uid || restarts !== "0") throw new CheckError(`pod and restarts were "${uid} 0" and are "${now} ${restarts}"`);
        must((await inPod(guest, "web", "echo inside")) === "inside", "a command in the pod does not answer");
      });
    }
  },
};
