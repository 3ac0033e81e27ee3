import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";

/** The budget: what a product may plan with. Kept in the repository beside what was measured (small-baseline.json). */
const baselineSchema = z.strictObject({
  measured: z.strictObject({ date: z.string(), machine: z.string(), k3s: z.string() }),
  budget: z.strictObject({ readyMib: z.number(), peakMib: z.number(), idleMib: z.number(), writtenMibPerHour: z.number() }),
  seen: z
    .strictObject({ readyMib: z.number(), peakMib: z.number(), idleMib: z.number(), writtenMibPerHour: z.number() })
    .nullable(),
});

const MEMORY_MIB = 1024;
const IDLE_MINUTES = 10;

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

async function countKills(guest: Guest): Promise<number> {
  return Number(await guest.sh("awk '$1 == \"oom_kill\" { print $2 }' /proc/vmstat"));
}

async function measureIdle(lab: Lab, guest: Guest): Promise<{ idleMib: number; writtenMibPerHour: number }> {
  const before = await readWrittenMib(guest);
  const startMs = lab.ctx.clock.monotonicMs();
  await lab.ctx.clock.sleep(IDLE_MINUTES * 60_000, lab.ctx.signal);
  const hours = (lab.ctx.clock.monotonicMs() - startMs) / 3_600_000;
  return { idleMib: await readUsedMib(guest), writtenMibPerHour: ((await readWrittenMib(guest)) - before) / hours };
}

/** A device with little memory and flash that wears. */
export const small: Scenario = {
  name: "small",
  about: `a server with nothing but CoreDNS turns Ready in ${MEMORY_MIB} MiB and keeps to its budget of memory and writes`,
  minutes: 20,
  defects: [
    {
      name: "writer",
      about: "something writes all the time",
      machine: () => ({
        handOver: {
          credentials: [
            {
              name: "systemd.unit-dropin.k3s.service",
              content:
                "[Service]\nExecStartPre=+systemd-run --unit=writer /bin/sh -c 'while :; do dd if=/dev/urandom of=/var/tmp/wear bs=1M count=4 conv=fsync 2>/dev/null; sleep 5; done'\n",
            },
          ],
        },
      }),
      fails: { check: /writes no more/u, words: /MiB an hour/u },
    },
  ],
  run: async (lab) => {
    const path = join(import.meta.dirname, "small-baseline.json");
    const { budget } = baselineSchema.parse(JSON.parse(await readFile(path, "utf8")));
    const config = "disable: [local-storage, metrics-server, traefik, servicelb]\n";
    const guest = await lab.boot("device", {
      memoryMib: MEMORY_MIB,
      handOver: { files: [{ path: "/etc/rancher/k3s/config.yaml.d/50-lab.yaml", mode: "0600", content: config }] },
    });
    const outcome = await guest.ready(`the server is Ready in ${MEMORY_MIB} MiB`);
    const readyMib = await readUsedMib(guest);
    const peakMib = Math.max(...outcome.memory.map(({ totalMib, availableMib }) => totalMib - availableMib));
    const { idleMib, writtenMibPerHour } = await measureIdle(lab, guest);
    lab.ctx.log.info(
      `memory in use: ${readyMib.toFixed(0)} MiB at Ready, ${peakMib.toFixed(0)} at its peak, ${idleMib.toFixed(0)} after ${IDLE_MINUTES} idle minutes; ` +
        `written: ${writtenMibPerHour.toFixed(1)} MiB an hour; of the budget ${(peakMib / budget.peakMib).toFixed(2)} and ${(writtenMibPerHour / budget.writtenMibPerHour).toFixed(2)}`,
    );
    await lab.check("nothing was killed for want of memory", async () => {
      must((await countKills(guest)) === 0, `${await countKills(guest)} processes were killed`);
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
  },
};
