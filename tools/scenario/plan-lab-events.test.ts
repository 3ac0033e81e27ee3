import { expect, test } from "vitest";
import type { RunRecord } from "../report/run-record.ts";
import { planLabEvent, selectNewEvents } from "./plan-lab-events.ts";

const started = { kind: "kernel-started" as const, atMs: 2000, line: "Linux version 6.18", subject: undefined };

test.each([
  ["the first machine's first boot", 1_000_000, 2000],
  ["a boot two minutes later", 1_120_000, 122_000],
])("a console's event of %s is told where it happened", (_, poweredOnAtMs, atMs) => {
  expect(planLabEvent(started, { machine: { poweredOnAtMs }, labPoweredOnAtMs: 1_000_000 })).toEqual({ ...started, atMs });
});

test("what the console said before is told once, the same words of another boot or machine again", () => {
  const kernel: RunRecord["events"][number] = { atMs: 2000, kind: "kernel", subject: "server", detail: "Linux version 6.18" };
  const others = [
    { ...kernel, atMs: 122_000 },
    { ...kernel, subject: "agent-1" },
  ];
  expect(selectNewEvents([kernel, ...others], [kernel])).toEqual(others);
});
