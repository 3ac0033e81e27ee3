import type { Guest, GuestOptions, Lab } from "../../tools/scenario/scenario.ts";
import { giveConfig } from "../harness/plant-fault.ts";
import { apply, podReady, renderShellPod } from "./guest-questions.ts";

export const DATABASE = "/var/lib/rancher/k3s/server/db/state.db";
/** What the layer writes for K3S_DATASTORE = "sqlite-durable": k3s's default keeps what it acknowledged only once the kernel has written it back. */
const DURABLE = `datastore-endpoint: "sqlite://${DATABASE}?_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate&_stmt_cache_size=20&cache=shared"\n`;

/** A device that keeps what it has acknowledged. With "writeback" what the guest did not flush is lost with QEMU. */
export const LEDGER_DEVICE: GuestOptions = {
  keepDisks: true,
  diskCache: "writeback",
  handOver: giveConfig(`disable: [metrics-server, traefik, servicelb]\n${DURABLE}`),
};

/** A volume, and a pod `ledger` that has it at /ledger and leaves its trace there when it is given the two seconds that it needs for its end. */
const LEDGER = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ledger }
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: local-path
  resources: { requests: { storage: 16Mi } }
---
${renderShellPod("ledger", {
  script: "trap 'sleep 2; echo ended politely >>/ledger/end; sync; exit 0' TERM; while :; do sleep 1; done",
  extra: `      volumeMounts: [{ name: ledger, mountPath: /ledger }]
  volumes: [{ name: ledger, persistentVolumeClaim: { claimName: ledger } }]
`,
})}`;

/** Boots the device for the first time, until it is Ready and its pod `ledger` has the volume. */
export async function bootLedger(lab: Lab): Promise<Guest> {
  const guest = await lab.boot("device", LEDGER_DEVICE);
  await guest.ready("the server is Ready");
  await lab.check("a volume is bound", async () => {
    await apply(guest, LEDGER);
    await podReady(lab, guest, "ledger");
  });
  return guest;
}
