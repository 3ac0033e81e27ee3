import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { judgeFailure } from "./judge-failure.ts";
import { parseBitBakeEvent } from "./parse-bitbake-event.ts";
import type { BitBakeEvent } from "./parse-bitbake-event.ts";
import { writeFixtureLayer } from "./testing/write-fixture-layer.ts";
import { readServerPids } from "./wait-bitbake-server.ts";

const sources = process.env["META_K3S_OE_SOURCES"];
if (sources === undefined) {
  process.stderr.write(
    "\nNOT RUN: the tests that run real BitBake (tools/yocto/run-bitbake.integration.test.ts). META_K3S_OE_SOURCES=DIR runs them, with DIR/bitbake a clone.\n\n",
  );
}

const RUNNER = fileURLToPath(new URL("testing/run-tiny.ts", import.meta.url));
const PROJECT = fileURLToPath(new URL("testdata/tiny", import.meta.url));
/** BitBake's server takes seconds to start, and minutes on a host that is busy. */
const TIMEOUT_MS = 900_000;

interface Run {
  readonly status: number | null;
  readonly events: readonly BitBakeEvent[];
  readonly stderr: string;
}

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-bitbake-"));
  await writeFixtureLayer(PROJECT, folder);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the tool's own runner as a process; `onEvent` may interrupt it. */
function run(targets: readonly string[], onEvent?: (event: BitBakeEvent, interrupt: () => void) => void): Promise<Run> {
  const child = spawn(process.execPath, [RUNNER, join(sources ?? "", "bitbake"), folder, ...targets], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const events: BitBakeEvent[] = [];
  let [stderr, rest] = ["", ""];
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const event of lines.map((line) => parseBitBakeEvent(line))) {
      if (event === undefined) continue;
      events.push(event);
      onEvent?.(event, () => child.kill("SIGINT"));
    }
  });
  return new Promise((resolve) => {
    child.once("close", (status) => resolve({ status, events, stderr }));
  });
}

async function expectNothingLeft(): Promise<void> {
  expect(await readServerPids(folder)).toEqual([]);
  const names = await readdir(folder, { recursive: true });
  expect(names.filter((name) => /bitbake\.lock$|\.sock$|\.part$/.test(name))).toEqual([]);
}

describe.runIf(sources !== undefined)("real BitBake", () => {
  test("a build tells its tasks from first to last and leaves no server", { timeout: TIMEOUT_MS }, async () => {
    const { status, events } = await run(["slow"]);
    expect(status).toBe(0);
    expect(events.filter((event) => event.event === "succeeded").map((event) => event.recipe)).toEqual(["quick", "slow"]);
    expect(events.findLast((event) => event.event === "counts")).toMatchObject({ failed: 0 });
    await expectNothingLeft();
  });

  test("a recipe broken on purpose is explained from its log as soon as it fails", { timeout: TIMEOUT_MS }, async () => {
    const { status, events } = await run(["broken"]);
    expect(status).not.toBe(0);
    const failed = events.find((event) => event.event === "failed");
    expect(failed).toMatchObject({ recipe: "broken", task: "do_work" });
    const explanation = judgeFailure(await readFile(failed?.event === "failed" ? failed.log : "", "utf8"));
    expect(explanation.known?.name).toBe("compiler");
    expect(explanation.lines.join("\n")).toContain("unknown type name 'flaot'");
    await expectNothingLeft();
  });

  test("an interrupt while a task runs lets it end: its file is whole, nothing else is left", { timeout: TIMEOUT_MS }, async () => {
    let done = false;
    const { status, stderr } = await run(["slow"], (event, interrupt) => {
      if (event.event !== "started" || event.recipe !== "slow" || done) return;
      done = true;
      interrupt();
    });
    expect(status).toBe(130);
    expect(stderr).toContain("asked BitBake to stop");
    expect(await readFile(join(folder, "tmp/work/slow-1.0/slow"), "utf8")).toBe("slow\n");
    await expectNothingLeft();
  });

  test(
    "an interrupt while it parses, which hangs BitBake's own server, leaves nothing either",
    { timeout: TIMEOUT_MS },
    async () => {
      let done = false;
      const { status } = await run(["slow"], (event, interrupt) => {
        if (event.event !== "parse" || done) return;
        done = true;
        interrupt();
      });
      expect(status).toBe(130);
      await expectNothingLeft();
    },
  );
});
