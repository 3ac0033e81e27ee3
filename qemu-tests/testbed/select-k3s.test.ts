import { describe, expect, test } from "vitest";
import { planReleaseUrl, selectK3s } from "./select-k3s.ts";

const RELEASE = { file: undefined, asset: "k3s-arm64", sha256: "ab", release: "reachable" } as const;

describe("selectK3s", () => {
  test("a file of the user's wins over everything", () => {
    expect(selectK3s({ ...RELEASE, file: "/tmp/k3s" })).toStrictEqual({ kind: "file", path: "/tmp/k3s" });
  });

  test("the release is taken where it can be had", () => {
    expect(selectK3s(RELEASE)).toStrictEqual({ kind: "release", url: planReleaseUrl("k3s-arm64"), sha256: "ab" });
    expect(selectK3s({ ...RELEASE, release: "cached" }).kind).toBe("release");
  });

  test("without network or without a known checksum it is the stand-in, which says why", () => {
    expect(selectK3s({ ...RELEASE, release: "unreachable" })).toMatchObject({
      kind: "stand-in",
      why: expect.stringContaining("reached"),
    });
    expect(selectK3s({ ...RELEASE, sha256: undefined })).toMatchObject({
      kind: "stand-in",
      why: expect.stringContaining("checksum"),
    });
  });
});

test("the plus sign of a k3s version is escaped", () => {
  expect(planReleaseUrl("k3s")).toBe("https://github.com/k3s-io/k3s/releases/download/v1.36.3%2Bk3s1/k3s");
});
