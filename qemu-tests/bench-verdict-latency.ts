/**
 * How long after the guest itself reached Ready does the judge know? `npm run bench:verdict [RUNS]` boots the testbed, lets the guest stamp
 * every change of its nodes and pods with the guest's own clock, and compares that with the moment at which the judge saw everything hold.
 * Prints, for each run and as a median, the delay and its ratio to the limit of 1 s.
 */
import { openGuest } from "../tools/boot-test/open-guest.ts";
import { launchMachine } from "../tools/boot-test/launch-machine.ts";
import type { GuestShell } from "../tools/cluster/guest-shell.ts";
import type { Blocker, Expectations } from "../tools/cluster/expectation.ts";
import { judgeLook } from "../tools/cluster/judge-look.ts";
import type { ClusterObject } from "../tools/cluster/parse-kube-object.ts";
import { KUBECONFIG_PATH } from "../tools/cluster/parse-kubeconfig.ts";
import { parseWatchEvent, selectSnapshot } from "../tools/cluster/parse-kubectl.ts";
import { planExpectations } from "../tools/cluster/plan-expectations.ts";
import { readK3sConfig } from "../tools/cluster/read-k3s-config.ts";
import { waitForCluster } from "../tools/cluster/wait-cluster.ts";
import type { Context } from "../tools/core/context.ts";
import { readMachinePlan } from "../tools/machine/read-machine-plan.ts";
import { quote } from "./harness/format-shell-word.ts";
import { openTestContext } from "./harness/open-test-context.ts";
import { buildTestbed } from "./testbed/build-testbed.ts";

const LIMIT_MS = 1000;

/** Milliseconds that the guest's clock is ahead of the host's: the exchange with the shortest round trip of ten, halved. */
async function measureOffset(ctx: Context, shell: GuestShell): Promise<number> {
  let best = { roundTripMs: Infinity, offsetMs: 0 };
  for (let round = 0; round < 10; round += 1) {
    const sentMs = ctx.clock.nowMs();
    const guestMs = Number((await shell.runCheck("date +%s%N")).stdout) / 1e6;
    const roundTripMs = ctx.clock.nowMs() - sentMs;
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, offsetMs: guestMs - (sentMs + roundTripMs / 2) };
  }
  return best.offsetMs;
}

/**
 * Watches one kind from inside the guest; every event is a line behind the guest's time of seeing it, in seconds. By openssl and perl alone: a kubectl
 * for each kind costs an emulated guest so much that it slows what is measured. HTTP/1.0, so that nothing cuts a line into chunks. perl-base has no
 * Time::HiRes, so the clock is read by the system call's number on x86-64: 228 is clock_gettime (arch/x86/entry/syscalls/syscall_64.tbl).
 */
function watchScript(path: string): string {
  return `umask 077
until [ -s ${KUBECONFIG_PATH} ] && (: </dev/tcp/127.0.0.1/6443) 2>/dev/null; do sleep 3; done
folder=$(mktemp -d)
field() { sed -n "s/^ *$1-data: //p" ${KUBECONFIG_PATH} | base64 -d >"$folder/$1"; }
field certificate-authority; field client-certificate; field client-key
while :; do
openssl s_client -quiet -verify_quiet -connect 127.0.0.1:6443 -CAfile "$folder/certificate-authority" \\
  -cert "$folder/client-certificate" -key "$folder/client-key" 2>/dev/null \\
  < <(printf 'GET ${path}?watch=1 HTTP/1.0\\r\\nAccept: application/json\\r\\n\\r\\n'; exec sleep 100000) |
  perl -ne 'BEGIN { $| = 1; $t = pack "x16" } syscall 228, 0, $t; printf "%d.%09d %s", unpack("q2", $t), $_ if /^\\{/'
sleep 1
done`;
}

interface Stamped {
  readonly guestMs: number;
  readonly line: string;
}

/** Collects the lines of a stream until it ends or the shell is closed. */
async function collect(shell: GuestShell, path: string, into: Stamped[]): Promise<void> {
  const stream = await shell.stream(`exec bash -c ${quote(watchScript(path))}`);
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.stdout) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [stamp = "", ...json] = line.split(" ");
      into.push({ guestMs: Number(stamp) * 1e3, line: json.join(" ") });
    }
  }
}

/** The guest's time from which on its own events show everything Ready until the last of them. Throws Error with what they lack otherwise. */
function findReadyMs(events: readonly Stamped[], expectations: Expectations): number {
  const objects = new Map<string, ClusterObject>();
  let sinceMs: number | undefined;
  let missing: readonly Blocker[] = [];
  for (const { guestMs, line } of [...events].sort((left, right) => left.guestMs - right.guestMs)) {
    const event = parseWatchEvent(line);
    if (event === undefined || event.type === "bookmark" || event.type === "error") continue;
    if (event.object.kind === "Event") continue;
    if (event.type === "delete") objects.delete(event.object.state.uid);
    else objects.set(event.object.state.uid, event.object);
    missing = judgeLook(expectations, selectSnapshot(objects.values()));
    sinceMs = missing.length === 0 ? (sinceMs ?? guestMs) : undefined;
  }
  if (sinceMs !== undefined) return sinceMs;
  const lacks = missing.map(({ subject, reason, message }) => `${subject}: ${reason}: ${message}`).join("\n");
  throw new Error(`the guest's own ${events.length} events never show it Ready:\n${lacks}`);
}

/** What the testbed's workloads consist of; a pod belongs to a deployment through its replica set. */
const PATHS = [
  "/api/v1/nodes",
  "/api/v1/pods",
  "/apis/apps/v1/deployments",
  "/apis/apps/v1/replicasets",
  "/apis/apps/v1/daemonsets",
];

async function runOnce(ctx: Context, path: string): Promise<number> {
  const options = { path, launcher: "qemu" as const, machine: {} };
  const plan = await readMachinePlan(ctx, options);
  await using machine = await launchMachine(ctx, plan, options);
  await using shell = await openGuest(ctx, machine, { timeoutMs: 300_000 });
  const expectations = planExpectations({ config: await readK3sConfig(shell), nodeNames: [] });
  const events: Stamped[] = [];
  // The reference has a connection of its own, so that neither waits for the other's data.
  const reference = await openGuest(ctx, machine, { timeoutMs: 60_000 });
  const watches = Promise.allSettled(PATHS.map((kind) => collect(reference, kind, events)));
  const outcome = await waitForCluster(ctx, {
    shell,
    machineName: plan.spec.name,
    expectations,
    poweredOnAtMs: machine.poweredOnAtMs,
    timeoutMs: 1_500_000,
    onConsoleEvent: (listener) => machine.onConsoleEvent(listener),
    exited: machine.exited,
  });
  const offsetMs = await measureOffset(ctx, shell);
  await reference[Symbol.asyncDispose]();
  await watches;
  if (outcome.heldSinceMs === undefined) throw new Error(`not Ready: ${outcome.summary}`);
  return machine.poweredOnAtMs + outcome.heldSinceMs + offsetMs - findReadyMs(events, expectations);
}

const runs = Number(process.argv[2] ?? "3");
await using bench = await openTestContext();
const image = await buildTestbed(bench.ctx, { arch: "x86_64" });
const delays: number[] = [];
for (let run = 1; run <= runs; run += 1) {
  const delayMs = await runOnce(bench.ctx, image.qemubootPath);
  delays.push(delayMs);
  process.stdout.write(
    `run ${run}: the judge knew ${delayMs.toFixed(0)} ms after the guest; ${(delayMs / LIMIT_MS).toFixed(2)} of the limit\n`,
  );
}
const median = delays.sort((left, right) => left - right)[Math.floor(delays.length / 2)] ?? Number.NaN;
process.stdout.write(`median: ${median.toFixed(0)} ms, ${(median / LIMIT_MS).toFixed(2)} of the limit of ${LIMIT_MS} ms\n`);
