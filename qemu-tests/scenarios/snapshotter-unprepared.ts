import { must } from "../../tools/scenario/check-error.ts";
import type { Guest, Lab, Scenario } from "../../tools/scenario/scenario.ts";
import { SLIM } from "./guest-questions.ts";

const CONFIG = "/etc/rancher/k3s/config.yaml.d/60-lab.yaml";
const CHECK = "/usr/libexec/k3s/check-snapshotter";
/** From the start of the unit to its refusal. An emulated shell takes its time; k3s takes ten times that to say anything. */
const AT_ONCE_MS = 15_000;

function renderConfig(snapshotter: string): string {
  return `${SLIM}snapshotter: ${snapshotter}\n`;
}

/** On a device whose state is on the ext4 of its root. */
const WRONG = [
  {
    name: "zfs",
    why: "no pool",
    words: /snapshotter 'zfs' \(.*60-lab\.yaml\): .*\.zfs must be on zfs before k3s starts, but is on ext4/u,
  },
  {
    name: "btrfs",
    why: "ext4",
    words: /snapshotter 'btrfs' \(.*60-lab\.yaml\): .*\.btrfs must be on btrfs before k3s starts, but is on ext4/u,
  },
  {
    name: "overlay",
    why: "a misspelt name",
    words: /snapshotter 'overlay' \(.*60-lab\.yaml\): k3s has none of this name: write overlayfs/u,
  },
] as const;

async function mustRefuse(lab: Lab, guest: Guest, { name, words }: (typeof WRONG)[number]): Promise<void> {
  await guest.shell.writeFile(CONFIG, renderConfig(name), { mode: 0o600 });
  const startMs = lab.ctx.clock.monotonicMs();
  const started = await guest.shell.run("systemctl restart k3s", { timeoutMs: 120_000 });
  const tookMs = lab.ctx.clock.monotonicMs() - startMs;
  must(started.status !== 0, "systemctl started it");
  const said = await guest.sh("journalctl -u k3s -b -o cat --no-pager -t check-snapshotter -n 1");
  must(words.test(said), `it says: ${said}`);
  must(tookMs < AT_ONCE_MS, `it took ${Math.round(tookMs / 1000)} s`);
}

/** What a user reads who has set a snapshotter and nothing else. */
export const snapshotterUnprepared: Scenario = {
  name: "snapshotter-unprepared",
  about: "a snapshotter that is misspelt, or whose disk nobody prepared, keeps k3s from starting at once, in words that help",
  minutes: 4,
  defects: [
    {
      name: "unchecked",
      about: "k3s starts with whatever it is told",
      machine: () => ({
        handOver: {
          credentials: [
            {
              name: "systemd.unit-dropin.k3s.service",
              content: `[Service]\nExecCondition=+/bin/mount --bind /bin/true ${CHECK}\n`,
            },
          ],
        },
      }),
      fails: { check: /the judge names the reason/u, words: /says otherwise/u },
    },
  ],
  run: async (lab) => {
    const [first] = WRONG;
    const guest = await lab.boot("device", {
      handOver: { files: [{ path: CONFIG, mode: "0600", content: renderConfig(first.name) }] },
    });
    await guest.givenUp("the judge names the reason", { words: first.words });
    for (const wrong of WRONG)
      await lab.check(`${wrong.name} is refused at once: ${wrong.why}`, async () => mustRefuse(lab, guest, wrong));
    await lab.check("k3s itself was never started", async () => {
      const written = await guest.sh(
        "ls -d /var/lib/rancher/k3s/server/db /var/lib/rancher/k3s/agent/containerd 2>/dev/null || true",
      );
      must(written === "", `there is ${written}`);
    });
    await lab.check("once it is corrected k3s starts by itself", async () => {
      await guest.shell.writeFile(CONFIG, renderConfig("overlayfs"), { mode: 0o600 });
      await lab.until(
        async () => {
          const process = await guest.sh("systemctl show --property=MainPID --value k3s");
          return process === "0" ? "systemd has not started it" : undefined;
        },
        { timeoutMs: 60_000 },
      );
    });
  },
};
