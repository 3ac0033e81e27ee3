import { describe, expect, test } from "vitest";
import type { Part, PartRecord } from "./part.ts";
import { planHash, planParts, planPrune, planReason } from "./plan-parts.ts";

function part(name: string, inputs: Record<string, string>, needs: readonly string[] = []): Part {
  return { name, title: name, inputs, needs, load: "io", build: () => Promise.resolve() };
}

function hashes(parts: readonly Part[]): Record<string, string> {
  return Object.fromEntries(planParts(parts).map(({ part: { name }, hash }) => [name, hash]));
}

function graph(goMod: string): readonly Part[] {
  return [
    part("k3s", { "go.mod": goMod }),
    part("coredns", { "go.mod": "c" }),
    part("image", {}, ["coredns"]),
    part("disk", {}, ["k3s", "image"]),
  ];
}

describe("planHash", () => {
  test("does not depend on the order of the inputs", () => {
    expect(planHash("a", { x: "1", y: "2" })).toBe(planHash("a", { y: "2", x: "1" }));
  });

  test("tells a key from a value and one part from another", () => {
    expect(planHash("a", { x: "1,y" })).not.toBe(planHash("a", { "x,1": "y" }));
    expect(planHash("a", { x: "1" })).not.toBe(planHash("b", { x: "1" }));
  });
});

describe("planParts", () => {
  test("puts a part after what it needs, whatever the order given", () => {
    const planned = planParts([part("disk", {}, ["rootfs", "k3s"]), part("k3s", {}), part("rootfs", {})]);
    expect(planned.map((item) => item.part.name)).toStrictEqual(["rootfs", "k3s", "disk"]);
  });

  test("a changed input changes that part and all that need it, and no other", () => {
    const before = hashes(graph("1"));
    const after = hashes(graph("2"));
    expect(Object.keys(before).filter((name) => before[name] !== after[name])).toStrictEqual(["k3s", "disk"]);
  });

  test("refuses a circle and a need that is not there", () => {
    expect(() => planParts([part("a", {}, ["b"]), part("b", {}, ["a"])])).toThrow("part a needs itself");
    expect(() => planParts([part("a", {}, ["b"])])).toThrow("needs b, which nothing makes");
    expect(() => planParts([part("a", {}), part("a", {})])).toThrow("one name");
  });
});

describe("planReason", () => {
  const previous: PartRecord = { schemaVersion: 1, name: "k3s", hash: "0", inputs: { "go.mod": "1", "main.go": "1" }, seconds: 1 };

  test.each([
    ["never made", undefined, {}, "not made before"],
    ["a file changed", previous, { "go.mod": "2", "main.go": "1" }, "go.mod changed"],
    ["a file came", previous, { "go.mod": "1", "main.go": "1", "run.go": "1" }, "run.go is new"],
    ["a file went", previous, { "go.mod": "1" }, "main.go is gone"],
    ["a needed part changed", previous, { "go.mod": "1", "main.go": "1", "part rootfs-amd64": "1" }, "rootfs-amd64 is new"],
    ["the entry was deleted", previous, { "go.mod": "1", "main.go": "1" }, "no longer in the cache"],
    ["many", previous, { a: "1", b: "1", c: "1" }, "a is new, b is new, c is new and 2 more"],
  ])("%s", (_, record, inputs, expected) => {
    expect(planReason(record, inputs)).toBe(expected);
  });
});

describe("planPrune", () => {
  test("keeps those that were used last", () => {
    const entries = [5, 1, 4, 2].map((usedAtMs) => ({ hash: String(usedAtMs), usedAtMs }));
    expect(planPrune(entries, 2).map((entry) => entry.hash)).toStrictEqual(["2", "1"]);
    expect(planPrune(entries, 4)).toStrictEqual([]);
  });
});
