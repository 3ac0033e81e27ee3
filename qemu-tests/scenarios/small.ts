import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { GuestHandOver } from "../../tools/machine/machine.ts";
import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { quote } from "../harness/format-shell-word.ts";
import { apply, podReady, renderShellPod, SLIM } from "./guest-questions.ts";
import { bootAgent, bootServer, mustJoin, TOKEN_FILE } from "./lab-cluster.ts";
import { openLabNetwork } from "./lab-network.ts";

/** The budget: what a product may plan with. Kept in the repository beside what was measured (small-baseline.json). */
const figures = z.strictObject({
  readyMib: z.number(),
  peakMib: z.number(),
  idleMib: z.number(),
  writtenMibPerHour: z.number(),
  imageMib: z.number(),
});
type Figures = z.infer<typeof figures>;
const role = z.strictObject({ budget: figures, seen: figures.nullable() });
const baselineSchema = z.strictObject({
  measured: z.strictObject({ date: z.string(), machine: z.string(), k3s: z.string() }),
  server: role,
  agent: role,
});

const SERVER_MIB = 1024;
const AGENT_MIB = 512;
const IDLE_MINUTES = 10;

async function readBudget(of: "server" | "agent"): Promise<Figures> {
  const path = join(import.meta.dirname, "small-baseline.json");
  return baselineSchema.parse(JSON.parse(await readFile(path, "utf8")))[of].budget;
}

/** MiB of memory that are in use and could not be given back: total less available, as free(1) counts. */
async function readUsedMib(guest: Guest): Promise<number> {
  const [total = "0", available = "0"] = (await guest.sh("awk '/^(MemTotal|MemAvailable):/ { print $2 }' /proc/meminfo")).split(
    "\n",
  );
  return (Number(total) - Number(available)) / 1024;
}

/** MiB that were written to the root disk since power-on: field 7 of its stat, in sectors of 512 bytes (Documentation/block/stat.rst). */
async function readWrittenMib(guest: Guest): Promise<number> {
  return Number(await guest.sh("sync; awk '{ print $7 }' /sys/block/vda/stat")) / 2048;
}

/** MiB that the root filesystem's files take, once all is Ready: the image, and what k3s has unpacked beside it. */
async function readImageMib(guest: Guest): Promise<number> {
  return Number(await guest.sh("df -B1 --output=used / | tail -n 1")) / 1024 / 1024;
}

async function countKills(guest: Guest): Promise<number> {
  return Number(await guest.sh("awk '$1 == \"oom_kill\" { print $2 }' /proc/vmstat"));
}

/** The most that was ever in use, KiB, of a look every five seconds; the reader runs in the guest and costs it next to nothing. */
const PEAK_FILE = "/run/lab-peak-kib";
const PEAK_LOOP = `peak=0; while :; do used=$(awk '/^MemTotal:/ { t = $2 } /^MemAvailable:/ { print t - $2 }' /proc/meminfo); [ "$used" -gt "$peak" ] && peak=$used && echo "$peak" >${PEAK_FILE}; sleep 5; done`;

async function startPeak(guest: Guest): Promise<void> {
  await guest.sh(`systemd-run --quiet --unit=lab-peak /bin/sh -c ${quote(PEAK_LOOP)}`);
}

/** Lets the device be idle, prints what it takes and judges it. */
async function checkBudget(lab: Lab, guest: Guest, budget: Figures): Promise<void> {
  const readyMib = await readUsedMib(guest);
  const imageMib = await readImageMib(guest);
  const before = await readWrittenMib(guest);
  const startMs = lab.ctx.clock.monotonicMs();
  await lab.ctx.clock.sleep(IDLE_MINUTES * 60_000, lab.ctx.signal);
  const hours = (lab.ctx.clock.monotonicMs() - startMs) / 3_600_000;
  const idleMib = await readUsedMib(guest);
  const writtenMibPerHour = ((await readWrittenMib(guest)) - before) / hours;
  const peakMib = Number(await guest.sh(`cat ${PEAK_FILE}`)) / 1024;
  lab.ctx.log.info(
    `${guest.name}: memory in use: ${readyMib.toFixed(0)} MiB at Ready, ${peakMib.toFixed(0)} at its peak, ${idleMib.toFixed(0)} after ${IDLE_MINUTES} idle minutes; ` +
      `written: ${writtenMibPerHour.toFixed(1)} MiB an hour; on the root filesystem: ${imageMib.toFixed(0)} MiB; of the budget ` +
      `${(peakMib / budget.peakMib).toFixed(2)}, ${(writtenMibPerHour / budget.writtenMibPerHour).toFixed(2)} and ${(imageMib / budget.imageMib).toFixed(2)}`,
  );
  await lab.check("nothing was killed for want of memory", async () => {
    const kills = await countKills(guest);
    must(kills === 0, `${kills} processes were killed`);
  });
  await lab.check("it uses no more memory than its budget", async () => {
    const over = Object.entries({ readyMib, peakMib, idleMib }).filter(([name, mib]) => mib > budget[name as "readyMib"]);
    must(over.length === 0, over.map(([name, mib]) => `${name}: ${mib.toFixed(0)} of ${budget[name as "readyMib"]}`).join(", "));
  });
  await lab.check("it writes no more to its disk than its budget", async () => {
    must(
      writtenMibPerHour <= budget.writtenMibPerHour,
      `${writtenMibPerHour.toFixed(1)} MiB an hour of ${budget.writtenMibPerHour}`,
    );
  });
  await lab.check("its root filesystem is no larger than its budget", async () => {
    must(imageMib <= budget.imageMib, `${imageMib.toFixed(0)} MiB of ${budget.imageMib}`);
  });
}

/** Something that wears the flash out, as a unit beside another. */
function plantWriter(unit: string): Partial<GuestHandOver> {
  const loop = "while :; do dd if=/dev/urandom of=/var/tmp/wear bs=1M count=4 conv=fsync 2>/dev/null; sleep 5; done";
  const content = `[Service]\nExecStartPre=+systemd-run --unit=writer /bin/sh -c '${loop}'\n`;
  return { credentials: [{ name: `systemd.unit-dropin.${unit}`, content }] };
}

/** A device with little memory and flash that wears. */
export const small: Scenario = {
  name: "small",
  about: `a server with nothing but CoreDNS turns Ready in ${SERVER_MIB} MiB and keeps to its budget of memory and writes`,
  minutes: 20,
  defects: [
    {
      name: "writer",
      about: "something writes all the time",
      machine: () => ({ handOver: plantWriter("k3s.service") }),
      fails: { check: /writes no more/u, words: /MiB an hour/u },
    },
  ],
  run: async (lab) => {
    const guest = await lab.boot("device", {
      memoryMib: SERVER_MIB,
      handOver: { files: [{ path: "/etc/rancher/k3s/config.yaml.d/50-lab.yaml", mode: "0600", content: SLIM }] },
    });
    await startPeak(guest);
    await guest.ready(`the server is Ready in ${SERVER_MIB} MiB`);
    await checkBudget(lab, guest, await readBudget("server"));
  },
};

/** A device that only runs what it is told to. */
export const smallAgent: Scenario = {
  name: "small-agent",
  about: `an agent joins in ${AGENT_MIB} MiB, runs a pod and keeps to its budget of memory and writes`,
  minutes: 30,
  defects: [
    {
      name: "writer",
      about: "something on the agent writes all the time",
      machine: (guest) => (guest === "server" ? {} : { handOver: plantWriter("k3s-agent.service") }),
      fails: { check: /writes no more/u, words: /MiB an hour/u },
    },
  ],
  run: async (lab) => {
    const network = openLabNetwork();
    const token = randomBytes(16).toString("hex");
    const server = await bootServer(lab, network, { token, config: SLIM });
    await server.ready("the server is Ready", { nodeNames: ["server"] });
    const agent = await bootAgent(lab, network, 2, { hostName: "agent-1", memoryMib: AGENT_MIB });
    await startPeak(agent);
    await lab.check(`an agent joins in ${AGENT_MIB} MiB`, async () => {
      await agent.shell.writeFile(TOKEN_FILE, `${token}\n`, { mode: 0o600 });
      await mustJoin(agent, `https://${network.address(1)}:6443`);
    });
    await server.ready("both nodes are Ready", { nodeNames: ["server", "agent-1"] });
    await lab.check("a pod runs on the agent", async () => {
      await apply(server, renderShellPod("guest", { extra: "  nodeName: agent-1\n" }));
      await podReady(lab, server, "guest");
    });
    await checkBudget(lab, agent, await readBudget("agent"));
  },
};
