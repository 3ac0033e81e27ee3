import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { plantBeforeK3s } from "../harness/plant-fault.ts";
import { kubectl } from "./guest-questions.ts";

const CERTIFICATES =
  "/var/lib/rancher/k3s/server/tls/*.crt /var/lib/rancher/k3s/agent/serving-kubelet.crt /var/lib/rancher/k3s/agent/client-kubelet*.pem";
const DAY_S = 86_400;
const SAID_MS = 180_000;

/** As a person with a watch, or a time server that is reached at last, would. */
async function correctClock(lab: Lab, guest: Guest): Promise<void> {
  await guest.sh(`date -u -s @${Math.round(lab.ctx.clock.nowMs() / 1000)} >/dev/null`);
}

/** Certificates that are not valid at this moment by the guest's clock; a file may hold several, of which the first is the device's own. */
async function listInvalid(guest: Guest): Promise<string> {
  return guest.sh(`now=$(date +%s); for file in ${CERTIFICATES}; do
    [ -f "$file" ] || continue
    from=$(date -d "$(openssl x509 -in "$file" -noout -startdate | cut -d= -f2)" +%s)
    to=$(date -d "$(openssl x509 -in "$file" -noout -enddate | cut -d= -f2)" +%s)
    if [ "$from" -gt "$now" ] || [ "$to" -lt $((now + 30 * ${DAY_S})) ]; then echo "$file"; fi
  done`);
}

/** A battery that is empty, or one that was set wrong. */
export const clock: Scenario = {
  name: "clock",
  about: "a first boot in 1970 and one in 2040 end, once the clock is right, in valid certificates and a Ready cluster",
  minutes: 20,
  defects: [
    {
      name: "no-floor",
      about: "nothing sets a clock that is behind forward",
      machine: () => ({
        handOver: plantBeforeK3s("echo 0 >/usr/share/k3s/clock-floor; date -u -s @86400 >/dev/null"),
      }),
      fails: { check: /set forward/u, words: /before the release/u },
    },
  ],
  run: async (lab) => {
    let guest = await lab.boot("behind", { rtcBase: "1970-01-01T00:00:00" });
    await lab.check("a clock in 1970 is set forward before k3s starts", async () => {
      await lab.until(
        async () =>
          (await guest.sh("systemctl show -p ActiveState --value k3s")) === "active" ? undefined : "k3s is not active yet",
        { timeoutMs: 600_000 },
      );
      const [now = "0", floor = "0"] = (await guest.sh("date +%s; cat /usr/share/k3s/clock-floor")).split("\n");
      must(
        Number(floor) > 0 && Number(now) >= Number(floor),
        `the clock says ${now}, which is before the release of k3s at ${floor}`,
      );
    });
    await lab.check("certificates made then are valid once the clock is right", async () => {
      await correctClock(lab, guest);
      const invalid = await listInvalid(guest);
      must(invalid === "", `not valid, or not for another month: ${invalid}`);
    });
    await guest.ready("the device from 1970 is Ready");
    await guest.machine.cutPower();

    guest = await lab.boot("ahead", { rtcBase: "2040-01-01T00:00:00" });
    await lab.check("a server starts in 2040", async () => {
      await lab.until(
        async () => {
          const asked = await guest.shell.run("k3s kubectl get --raw /readyz", { timeoutMs: 60_000 });
          if (asked.status === 0) return undefined;
          // A server that is still starting answers with the names of all its checks.
          const failing = [...asked.stderr.matchAll(/\[-\](\S+) failed/gu)].map((match) => match[1]);
          return failing.length === 0 ? asked.stderr.trim() : `the API server still waits for ${failing.join(", ")}`;
        },
        { timeoutMs: 600_000, everyMs: 5000 },
      );
    });
    await lab.check("once the clock is right its certificates are from the future, and that is said", async () => {
      await correctClock(lab, guest);
      await lab.until(
        async () => {
          // Of a server that has ended over it kubectl hears nothing more; k3s says it itself when it starts again.
          const asked = await guest.shell.run("k3s kubectl get nodes", { timeoutMs: 60_000 });
          const said = `${asked.stderr}${await guest.sh("journalctl -b -u k3s -o cat --since=-60s")}`;
          return asked.status !== 0 && /not yet valid/u.test(said) ? undefined : `kubectl says: ${asked.stdout}${asked.stderr}`;
        },
        { timeoutMs: SAID_MS, everyMs: 5000 },
      );
    });
    await lab.check("k3s-clean --server makes it a new device", async () => {
      await guest.sh("k3s-clean --server && systemctl enable --now --no-block k3s", { timeoutMs: 300_000 });
    });
    await guest.ready("the device from 2040 is Ready");
    await lab.check("its new certificates are valid", async () => {
      const invalid = await listInvalid(guest);
      must(invalid === "", `not valid: ${invalid}`);
      must((await kubectl(guest, "get nodes -o name")) !== "", "there is no node");
    });
  },
};
