import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parsePrograms } from "./parse-programs.ts";

const TEXT = readFileSync(join(import.meta.dirname, "go/programs.yaml"), "utf8");
const GO_MOD = readFileSync(join(import.meta.dirname, "go/go.mod"), "utf8");

describe("parsePrograms", () => {
  test("reads the testbed's own list", () => {
    const { programs, architectures } = parsePrograms(TEXT, "programs.yaml");
    expect(architectures.arm).toStrictEqual({ GOARCH: "arm", GOARM: "7" });
    expect(programs.find((program) => program.output === "k3s")).toMatchObject({
      guest: "/usr/bin/k3s",
      standinOnly: true,
      cgo: true,
    });
    expect(programs.find((program) => program.output === "pause")?.image).toMatchObject({ directories: [], certificates: false });
  });

  test.each([
    ["a key that is not known", TEXT.replace("standinOnly:", "standInOnly:"), "standInOnly"],
    ["a program that goes nowhere", TEXT.replace("guest: /usr/bin/k3s", ""), "goes either"],
    ["two of one name", TEXT.replace("output: flanneld", "output: k3s"), "one output"],
    ["an image without a registry", TEXT.replace("docker.io/rancher/mirrored-pause", "rancher/mirrored-pause"), "in full"],
  ])("refuses %s", (_, text, words) => {
    expect(text).not.toBe(TEXT);
    expect(() => parsePrograms(text, "programs.yaml")).toThrow(
      expect.objectContaining({ problems: expect.arrayContaining([expect.stringContaining(words)]) }),
    );
  });
});

test("a program's version is that of the module that go.mod pins", () => {
  const pins = new Map(
    [...GO_MOD.matchAll(/^\t?(?:require )?(\S+) (v\S+)(?: \/\/ indirect)?$/gmu)].map(([, module, version]) => [module, version]),
  );
  const programs = parsePrograms(TEXT, "programs.yaml").programs.filter((program) => program.module !== undefined);
  expect(programs.map(({ output }) => output)).toStrictEqual(
    expect.arrayContaining(["k3s", "flanneld", "coredns", "local-path-provisioner", "metrics-server"]),
  );
  for (const { module, version } of programs)
    expect(`${module} ${version.replace("+standin", "")}`).toBe(`${module} ${pins.get(module)}`);
});
