import { randomInt } from "node:crypto";
import { parse } from "yaml";
import { must } from "../../tools/scenario/check-error.ts";
import type { GuestStream } from "../../tools/cluster/guest-shell.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { plantBeforeK3s } from "../harness/plant-fault.ts";
import { inPod, podReady, readObjects, renderShellPod } from "./guest-questions.ts";
import { bootLedger, DATABASE, LEDGER_DEVICE } from "./ledger.ts";

/** Between two objects: a few hundred in a round, so that there is power left for pods and the volume. */
const OBJECT_EVERY_MS = 100;
/** One of so many objects is a pod, whose image, container and network are being written too when the power goes; not more than a few. */
const POD_EVERY = 20;
const PODS = 3;
/** From the first acknowledgements on. */
const CUT_WITHIN_MS = 40_000;
const FIRST_ACKNOWLEDGED_MS = 180_000;

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

/** Makes objects until it is told to stop or one is refused; their names, as the API server lists them, come into `acknowledged` as it answers. */
async function createObjects(lab: Lab, guest: Guest, round: number, acknowledged: string[], stop: AbortSignal): Promise<void> {
  for (let index = 0; !stop.aborted; index += 1) {
    const name = `cut-${round}-${index}`;
    if (index % POD_EVERY === 0 && index < POD_EVERY * PODS) {
      await guest.kube.create("pods", parse(renderShellPod(name, { labels: `{ cut: "${round}" }` })));
      acknowledged.push(`pods/${name}`);
    } else {
      const metadata = { name, labels: { cut: String(round) } };
      await guest.kube.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata, data: { round: String(round) } });
      acknowledged.push(`configmaps/${name}`);
    }
    await lab.ctx.clock.sleep(OBJECT_EVERY_MS, lab.ctx.signal);
  }
}

/** Writes objects and a volume's file until the power is cut, and keeps what was acknowledged: by the API server, and by fsync. */
async function writeUntilCut(lab: Lab, guest: Guest, round: number): Promise<Acknowledged> {
  const objects: string[] = [];
  const written: string[] = [];
  const cutting = new AbortController();
  // The file alone: a flush of everything would write down what a device in the field has not flushed either.
  const script = `i=0; while :; do i=$((i + 1)); echo ${round} $i >>/ledger/log; sync /ledger/log; echo $i; sleep 0.2; done`;
  const writing = await guest.kube.stream("ledger", script);
  const followed = follow(writing, written);
  let refusal: unknown;
  const creating = createObjects(lab, guest, round, objects, cutting.signal).catch((error: unknown) => {
    refusal ??= cutting.signal.aborted ? undefined : error;
  });
  await lab.until(
    async () => {
      if (refusal !== undefined) throw refusal;
      if (objects.length === 0) return "no object was acknowledged yet";
      return written.length === 0 ? "no line of the volume was synced yet" : undefined;
    },
    { timeoutMs: FIRST_ACKNOWLEDGED_MS, everyMs: 100 },
  );
  await lab.ctx.clock.sleep(randomInt(CUT_WITHIN_MS), lab.ctx.signal);
  if (refusal !== undefined) throw refusal;
  cutting.abort();
  await guest.machine.cutPower();
  await Promise.all([creating, followed]);
  lab.ctx.log.info(`cut ${round}: ${objects.length} objects and ${written.length} lines were acknowledged`);
  return { objects, lastLine: Math.max(0, ...written.map(Number).filter(Number.isInteger)) };
}

async function checkKept(guest: Guest, round: number, acknowledged: Acknowledged): Promise<void> {
  const listed = await Promise.all(
    ["configmaps", "pods"].map(async (kind) =>
      (await readObjects(guest, `${kind}?labelSelector=cut=${round}`, "metadata.name")).map((name) => `${kind}/${name}`),
    ),
  );
  const present = new Set(listed.flat());
  const lost = acknowledged.objects.filter((name) => !present.has(name));
  must(
    lost.length === 0,
    `${lost.length} of ${acknowledged.objects.length} acknowledged objects are gone: ${lost.slice(0, 5).join(" ")}`,
  );
  const lines = await inPod(guest, "ledger", `grep -c '^${round} ' /ledger/log || true`);
  must(Number(lines) >= acknowledged.lastLine, `the volume has ${lines} of ${acknowledged.lastLine} lines that were synced`);
}

function definePowerCut(name: string, rounds: number): Scenario {
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
      let guest = await bootLedger(lab);
      // What is unpacked has settled on a device that has run for a while; the moment before that is first-start's.
      await guest.sh("sync");
      for (let round = 1; round <= rounds; round += 1) {
        const acknowledged = await lab.check(`cut ${round}: objects, pods and a volume were being written`, async () =>
          writeUntilCut(lab, guest, round),
        );
        guest = await lab.boot("device", LEDGER_DEVICE);
        await guest.ready(`cut ${round}: the server is Ready again by itself`);
        await lab.check(`cut ${round}: what was acknowledged is there`, async () => {
          await podReady(lab, guest, "ledger");
          await checkKept(guest, round, acknowledged);
          await guest.kube.remove(`pods?labelSelector=cut=${round}`, { graceSeconds: 0 });
        });
      }
    },
  };
}

/** A few cuts, for every day. */
export const powerCut = definePowerCut("power-cut", 3);
/** As many as the promise says. */
export const powerCutMany = definePowerCut("power-cut-20", 20);
