import { randomInt } from "node:crypto";
import { CheckError, must } from "../../tools/scenario/check-error.ts";
import type { GuestStream } from "../../tools/cluster/guest-shell.ts";
import type { Guest, GuestOptions, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { giveConfig, plantBeforeK3s } from "../harness/plant-fault.ts";
import { apply, inPod, kubectl, podReady, renderShellPod } from "./guest-questions.ts";

const DATABASE = "/var/lib/rancher/k3s/server/db/state.db";
/** What the layer writes for K3S_DATASTORE = "sqlite-durable": k3s's default keeps what it acknowledged only once the kernel has written it back. */
const DURABLE = `datastore-endpoint: "sqlite://${DATABASE}?_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate&_stmt_cache_size=20&cache=shared"\n`;
const OBJECTS = 300;
/** Longer than any acknowledgement takes to travel, shorter than the writers need. */
const CUT_AFTER_MS = { min: 5000, max: 45_000 };

const VOLUME = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ledger }
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: local-path
  resources: { requests: { storage: 16Mi } }
---
${renderShellPod("ledger", {
  // A polite end leaves its trace on the volume.
  script: "trap 'echo ended politely >>/ledger/end; sync; exit 0' TERM; while :; do sleep 1; done",
  extra: `      volumeMounts: [{ name: ledger, mountPath: /ledger }]
  volumes: [{ name: ledger, persistentVolumeClaim: { claimName: ledger } }]
`,
})}`;

/** Reads a stream's lines as they come, until it ends or breaks. */
function follow(stream: GuestStream, into: string[]): Promise<void> {
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      into.push(...lines);
    }
  };
  // The stream breaks with the machine; what came before is what was acknowledged.
  return Promise.all([read(), stream.ended]).then(
    () => undefined,
    () => undefined,
  );
}

interface Acknowledged {
  readonly objects: readonly string[];
  readonly lastLine: number;
}

/** Writes objects and a volume's file until the power is cut, and keeps what was acknowledged: by the API server, and by fsync. */
async function writeUntilCut(lab: Lab, guest: Guest, round: number): Promise<Acknowledged> {
  const yaml = Array.from(
    { length: OBJECTS },
    (_, index) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: cut-${round}-${index} }\ndata: { round: "${round}" }\n`,
  ).join("---\n");
  const file = `/run/objects-${round}.yaml`;
  await guest.shell.writeFile(file, yaml, { mode: 0o600 });
  const created: string[] = [];
  const written: string[] = [];
  const creating = await guest.shell.stream(`exec k3s kubectl create -f ${file}`);
  const script = `i=0; while :; do i=$((i + 1)); echo ${round} $i >>/ledger/log; sync; echo $i; sleep 0.2; done`;
  const writing = await guest.shell.stream(`exec k3s kubectl exec ledger -- sh -c '${script}'`);
  const followed = Promise.all([follow(creating, created), follow(writing, written)]);
  const waitMs = randomInt(CUT_AFTER_MS.min, CUT_AFTER_MS.max);
  await lab.ctx.clock.sleep(waitMs, lab.ctx.signal);
  await guest.machine.cutPower();
  await followed;
  const objects = created.filter((line) => line.endsWith(" created")).map((line) => line.replace(/ created$/u, ""));
  return { objects, lastLine: Math.max(0, ...written.map(Number).filter(Number.isInteger)) };
}

async function checkKept(guest: Guest, round: number, acknowledged: Acknowledged): Promise<void> {
  const present = new Set((await kubectl(guest, "get configmaps -o name")).split("\n"));
  const lost = acknowledged.objects.filter((name) => !present.has(name));
  must(
    lost.length === 0,
    `${lost.length} of ${acknowledged.objects.length} acknowledged objects are gone: ${lost.slice(0, 5).join(" ")}`,
  );
  const lines = await inPod(guest, "ledger", `grep -c '^${round} ' /ledger/log || true`);
  must(Number(lines) >= acknowledged.lastLine, `the volume has ${lines} of ${acknowledged.lastLine} lines that were synced`);
}

async function checkDamage(lab: Lab, guest: Guest): Promise<void> {
  await lab.check("a damaged datastore is detected and said", async () => {
    await guest.sh("systemctl stop k3s", { timeoutMs: 300_000 });
    // Every page but the first, so that it is still a database, with nothing in it that makes sense.
    await guest.sh(
      `rm -f ${DATABASE}-wal ${DATABASE}-shm && size=$(stat -c %s ${DATABASE}) && ` +
        `dd if=/dev/urandom of=${DATABASE} bs=4096 seek=1 count=$((size / 4096 - 1)) conv=notrunc status=none`,
    );
    const since = await guest.sh("date +%s");
    await guest.sh("systemctl start --no-block k3s");
    await lab.until(
      async () => {
        const words = await guest.sh(
          `journalctl -u k3s --since @${since} -o cat --no-pager | grep -iE 'malformed|corrupt|not a database' | tail -n 1; true`,
        );
        return words === "" ? "k3s does not say that its datastore is damaged" : undefined;
      },
      { timeoutMs: 180_000 },
    );
  });
}

function definePowerCut(name: string, rounds: number): Scenario {
  // With "writeback" what the guest did not flush is lost with QEMU; the default of a machine whose disks are kept.
  const device: GuestOptions = {
    keepDisks: true,
    diskCache: "writeback",
    handOver: giveConfig(`disable: [metrics-server, traefik, servicelb]\n${DURABLE}`),
  };
  return {
    name,
    about: `a server whose power is cut ${rounds} times while it writes comes back by itself with all that it had acknowledged`,
    minutes: 10 + 7 * rounds,
    defects: [
      {
        name: "lying-disk",
        about: "the database is thrown away at each start, as a disk that lies about flushes may lose it",
        machine: () => ({ handOver: plantBeforeK3s(`rm -f ${DATABASE}*`) }),
        fails: { check: /acknowledged/u, words: /are gone|NotFound|not found/u },
      },
    ],
    run: async (lab) => {
      let guest = await lab.boot("device", device);
      await guest.ready("the server is Ready");
      await lab.check("a volume is bound", async () => {
        await apply(guest, VOLUME);
        await podReady(guest, "ledger");
      });
      for (let round = 1; round <= rounds; round += 1) {
        const acknowledged = await lab.check(`cut ${round}: objects and a volume were being written`, async () => {
          const seen = await writeUntilCut(lab, guest, round);
          if (seen.objects.length === 0 && seen.lastLine === 0)
            throw new CheckError("nothing was acknowledged before the power was cut");
          return seen;
        });
        guest = await lab.boot("device", device);
        await guest.ready(`cut ${round}: the server is Ready again by itself`);
        await lab.check(`cut ${round}: what was acknowledged is there`, async () => {
          await podReady(guest, "ledger");
          await checkKept(guest, round, acknowledged);
        });
      }
      await lab.check("an orderly shutdown ends containers politely", async () => {
        await inPod(guest, "ledger", "rm -f /ledger/end; sync");
        await guest.shell.run("systemctl poweroff", { timeoutMs: 60_000 }).catch(() => undefined);
        const exit = await guest.ended({ timeoutMs: 300_000 });
        must(exit.reason === "powered-off", `it ended otherwise: ${exit.reason} ${exit.detail}`);
      });
      guest = await lab.boot("device", device);
      await guest.ready("the server is Ready after the shutdown");
      await lab.check("the container was told to end before it was killed", async () => {
        await podReady(guest, "ledger");
        const left = await inPod(guest, "ledger", "cat /ledger/end 2>/dev/null || true");
        must(left.includes("ended politely"), `the container left no trace of SIGTERM: "${left}"`);
      });
      await checkDamage(lab, guest);
    },
  };
}

/** A few cuts, for every day. */
export const powerCut = definePowerCut("power-cut", 3);
/** As many as the promise says. */
export const powerCutMany = definePowerCut("power-cut-20", 20);
