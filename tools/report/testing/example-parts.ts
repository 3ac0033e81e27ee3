import type { RunRecord } from "../run-record.ts";

type Event = RunRecord["events"][number];
type Wait = RunRecord["waits"][number];
type Pod = RunRecord["pods"][number];

/** One event of a timeline. */
export function event(atMs: number, kind: Event["kind"], subject: string, detail = ""): Event {
  return { atMs, kind, subject, detail };
}

/** One wait, its span in milliseconds since power-on. */
export function wait(span: readonly [fromMs: number, toMs: number], subject: string, reason: string, message = ""): Wait {
  return { fromMs: span[0], toMs: span[1], subject, reason, message };
}

/** A Ready pod of kube-system, changed as told. */
export function pod(name: string, changes: Partial<Pod> = {}): Pod {
  const image = name.replace(/-[0-9a-z]+(?:-[0-9a-z]{5})?$/u, "");
  return {
    namespace: "kube-system",
    name,
    phase: "Running",
    ready: true,
    restarts: 0,
    node: "guest",
    images: [`docker.io/rancher/${image}:1.14.6`],
    reason: "",
    ...changes,
  };
}

/** A curve that rises in steps as a boot does; `wave` makes it uneven without randomness. */
export function memory(
  name: string,
  options: { totalMib: number; peakMib: number; endMs: number; everyMs: number; fromMs?: number },
): RunRecord["memory"] {
  const samples = [];
  for (let atMs = options.fromMs ?? 14_000; atMs <= options.endMs; atMs += options.everyMs) {
    const share = 1 - Math.exp(-((atMs - 10_000) / options.endMs) * 4);
    const wave = Math.sin(atMs / 2300) * 18 + Math.sin(atMs / 700) * 9;
    const usedMib = Math.min(options.peakMib, 90 + share * (options.peakMib - 90) + wave);
    samples.push({ machine: name, atMs, totalMib: options.totalMib, availableMib: Math.round(options.totalMib - usedMib) });
  }
  return samples;
}

/** A machine as the testbed gives. */
export function machine(name: string, memoryMib = 2048): RunRecord["machines"][number] {
  return {
    name,
    arch: "x86_64",
    launcher: "qemu",
    accelerator: "tcg",
    acceleratorReason: "/dev/kvm is missing",
    cpu: "max",
    cpus: 2,
    memoryMib,
    kernelCommandLine: "root=/dev/vda rw console=ttyS0 ip=dhcp systemd.unified_cgroup_hierarchy=1",
    image: "testbed-qemux86-64.ext4",
    guest: {
      k3sVersion: "v1.36.3+k3s1",
      standIn: true,
      kernelVersion: "6.12.48+deb13-cloud-amd64",
      osName: "Debian GNU/Linux 13 (trixie)",
      containerRuntime: "containerd://1.7.24",
    },
  };
}

export const boot: readonly Event[] = [
  event(0, "power-on", "qemux86-64"),
  event(1900, "kernel", "qemux86-64", "Linux version 6.12.48"),
  event(6200, "userspace", "qemux86-64", "systemd 257"),
  event(13_900, "ssh", "qemux86-64", "root@127.0.0.1:41873"),
  event(17_200, "service", "qemux86-64", "k3s.service active"),
  event(38_400, "api", "qemux86-64", "/readyz ok"),
  event(58_200, "node-ready", "node guest"),
];

export const startWaits: readonly Wait[] = [
  wait([0, 13_900], "ssh", "ConnectionRefused", "connect ECONNREFUSED 127.0.0.1:41873"),
  wait([13_900, 17_200], "unit k3s.service", "activating", "start-pre"),
  wait([17_200, 38_400], "api", "ConnectionRefused", "The connection to the server 127.0.0.1:6443 was refused"),
  wait([38_400, 44_000], "node guest", "NotFound", "no node has registered yet"),
  wait([44_000, 58_200], "node guest", "KubeletNotReady", "container runtime network not ready: cni plugin not initialized"),
];
