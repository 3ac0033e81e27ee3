import { expect, test } from "vitest";
import { renderRunTable } from "./render-run-table.ts";
import { threeNodesRecord } from "./testing/example-odd-runs.ts";
import { readyRecord, timeoutRecord } from "./testing/example-runs.ts";

const cellsOf = (line: string): readonly string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

test("each run is a row: what, machines, when it was reachable, how it ended", () => {
  const [table = "", ...hosts] = renderRunTable([readyRecord, threeNodesRecord, timeoutRecord]).split("\n\n");
  expect(hosts).toEqual([expect.stringMatching(/^Host: .*, \d+ CPUs, [\d ]+ MiB, QEMU \S+$/u)]);
  const lines = table.split("\n");
  expect(lines.slice(2).map((line) => cellsOf(line))).toMatchInlineSnapshot(`
    [
      [
        "qemux86-64",
        "2026-11-21 14:52 UTC",
        "x86_64, TCG",
        "v1.36.3+k3s1",
        "13.9 s",
        "38.4 s",
        "94.7 s",
        "1 294 MiB",
        "Ready",
      ],
      [
        "join",
        "2026-11-21 14:52 UTC",
        "3 × x86_64, TCG",
        "v1.36.3+k3s1",
        "17.0 s",
        "48.0 s",
        "1 min 41 s",
        "1 224 MiB",
        "Passed",
      ],
      [
        "qemux86-64",
        "2026-11-21 14:52 UTC",
        "x86_64, TCG",
        "v1.36.3+k3s1",
        "13.9 s",
        "38.4 s",
        "5 min",
        "1 119 MiB",
        "Not Ready",
      ],
    ]
  `);
  expect(cellsOf(lines[0] ?? "")).toEqual(["run", "started", "machines", "k3s", "SSH", "API", "end", "memory", "verdict"]);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
});

test("a scenario whose check did not hold has failed, whatever its machines are", () => {
  const words = (["ready", "not-ready", "guest-failed", "environment-failed", "aborted"] as const).map((outcome) => {
    const record = { ...threeNodesRecord, verdict: { ...threeNodesRecord.verdict, outcome } };
    return cellsOf(renderRunTable([record]).split("\n")[2] ?? "").at(-1);
  });
  expect(words).toEqual(["Passed", "Failed", "Failed", "Could not run", "Stopped"]);
});

test("what a run never reached is a dash, and a name with a bar in it stays one cell", () => {
  const nothing = { ...readyRecord, name: "a|b\u001b[31m", machines: [], events: [], memory: [] };
  const row = renderRunTable([nothing]).split("\n")[2] ?? "";
  expect(row).toContain(String.raw`a\|b`);
  expect(row).not.toContain("\u001b");
  expect(row.match(/ – /gu)).toHaveLength(6);
});

test("without runs there is a heading and nothing else", () => {
  expect(renderRunTable([]).split("\n")).toHaveLength(2);
});
