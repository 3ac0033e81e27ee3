import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { plantBeforeK3s } from "../harness/plant-fault.ts";
import { endDevice } from "./end-device.ts";
import { inPod, podReady } from "./guest-questions.ts";
import { bootLedger, DATABASE, LEDGER_DEVICE } from "./ledger.ts";

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

/** The ordinary end of a device's day, and the one after which its datastore cannot be read. */
export const shutdown: Scenario = {
  name: "shutdown",
  about: "an orderly shutdown ends containers politely, the server comes back by itself, and a damaged datastore is said",
  minutes: 12,
  defects: [
    {
      name: "no-patience",
      about: "systemd kills at once what it has asked to end",
      machine: () => ({
        handOver: plantBeforeK3s(
          "mkdir -p /run/systemd/system.conf.d && printf '[Manager]\\nDefaultTimeoutStopSec=1ms\\n' >/run/systemd/system.conf.d/lab.conf && systemctl daemon-reexec",
        ),
      }),
      fails: { check: /told to end before it was killed/u, words: /no trace of SIGTERM/u },
    },
  ],
  run: async (lab) => {
    let guest = await bootLedger(lab);
    await lab.check("an orderly shutdown ends the device", async () => endDevice(guest, "poweroff"));
    guest = await lab.boot("device", LEDGER_DEVICE);
    await guest.ready("the server is Ready after the shutdown");
    await lab.check("the container was told to end before it was killed", async () => {
      await podReady(lab, guest, "ledger");
      const left = await inPod(guest, "ledger", "cat /ledger/end 2>/dev/null || true");
      must(left.includes("ended politely"), `the container left no trace of SIGTERM: "${left}"`);
    });
    await checkDamage(lab, guest);
  },
};
