import { expect, test } from "vitest";
import { formatHostChecks } from "./format-host-checks.ts";
import type { HostNeed, HostState } from "./host-need.ts";
import { judgeHost, selectMissingPackages } from "./judge-host.ts";
import { planHostNeeds } from "./plan-host-needs.ts";

const needs: readonly HostNeed[] = [
  { name: "hammer", probe: { kind: "command", command: "hammer" }, package: "tools", why: "drives nails", purposes: ["demo"] },
  { name: "saw", probe: { kind: "command", command: "saw" }, package: "tools", why: "cuts wood", purposes: ["demo"] },
];
const healthy: HostState = {
  platform: "linux",
  arch: "x64",
  cpus: 2,
  memoryMib: 8000,
  cacheFreeMib: 20_000,
  cacheFolder: "/cache",
  isRoot: true,
  hasSudo: false,
  hasApt: true,
  present: new Set(["hammer", "saw"]),
};

test("a host that has everything passes", () => {
  expect(judgeHost(needs, healthy).map((check) => check.status)).toEqual(["ok", "ok", "ok", "ok", "ok"]);
  expect(selectMissingPackages(needs, healthy)).toEqual([]);
});

test("what is missing is named with the command that repairs it; its package is listed once", () => {
  const bare = { ...healthy, present: new Set<string>() };
  expect(judgeHost(needs, bare)[0]).toEqual({
    name: "hammer",
    status: "missing",
    found: "not there; it drives nails",
    repair: "apt-get install -y --no-install-recommends tools",
  });
  expect(selectMissingPackages(needs, bare)).toEqual(["tools"]);
});

test("an ordinary user is told to use sudo, a host without apt to use its own means", () => {
  const bare = { ...healthy, present: new Set<string>() };
  expect(judgeHost(needs, { ...bare, isRoot: false })[0]?.repair).toMatch(/^sudo apt-get/);
  expect(judgeHost(needs, { ...bare, hasApt: false })[0]?.repair).toBe("install what your distribution calls tools");
});

test.each([
  ["platform", { platform: "darwin" }, "missing"],
  ["platform", { arch: "riscv64" }, "missing"],
  ["memory", { memoryMib: 2000 }, "warning"],
  ["disk", { cacheFreeMib: 100 }, "warning"],
] as const)("%s is judged: %j", (name, change, status) => {
  const check = judgeHost(needs, { ...healthy, ...change }).find((found) => found.name === name);
  expect(check).toMatchObject({ status, repair: expect.any(String) });
});

test("the text ends in one line that says how it stands", () => {
  expect(formatHostChecks(judgeHost(needs, healthy))).toMatch(/\n\nThis host is ready\.$/);
  const text = formatHostChecks(judgeHost(needs, { ...healthy, present: new Set(["saw"]) }));
  expect(text).toMatch(/^FAIL {2}hammer .*\n +repair: apt-get/);
  expect(text).toMatch(/1 of 5 checks failed\.$/);
});

test("needs are chosen by purpose", () => {
  const names = planHostNeeds(["demo"]).map((need) => need.name);
  expect(names).toContain("mmdebstrap");
  expect(names).not.toContain("qemu-system-aarch64");
  expect(planHostNeeds(["foreign"]).map((need) => need.name)).toContain("qemu-system-aarch64");
});
