import { describe, expect, test } from "vitest";
import { planHostPackages } from "./plan-host-packages.ts";

const HOST = { arch: "x86_64", uid: 0, machine: "x86_64", hasGo: true } as const;

function names(options: Parameters<typeof planHostPackages>[0]): readonly string[] {
  return planHostPackages(options).map((item) => item.name);
}

describe("planHostPackages", () => {
  test("root with a Go of its own needs neither uidmap nor Python", () => {
    expect(names(HOST)).toStrictEqual([
      "mmdebstrap",
      "debian-archive-keyring",
      "e2fsprogs",
      "cpio",
      "xz-utils",
      "make",
      "util-linux",
    ]);
  });

  test("an ordinary user without Go needs both", () => {
    expect(names({ ...HOST, uid: 1000, hasGo: false })).toStrictEqual(expect.arrayContaining(["uidmap", "python3-venv"]));
  });

  test("a foreign guest needs qemu-user; 32-bit arm on a 64-bit one too, whose CPU may not run it", () => {
    expect(names({ ...HOST, arch: "aarch64" })).toContain("qemu-user-static");
    expect(names({ ...HOST, arch: "aarch64", machine: "aarch64" })).not.toContain("qemu-user-static");
    expect(names({ ...HOST, arch: "arm", machine: "aarch64" })).toContain("qemu-user-static");
  });
});
