import { describe, expect, test } from "vitest";
import { planArchitecture } from "./plan-architecture.ts";
import { formatFeatures } from "./plan-features.ts";
import { planRootfs } from "./plan-rootfs.ts";

describe("planRootfs", () => {
  const ordinary = planRootfs(planArchitecture("x86_64"));

  test("an ordinary guest holds nothing of a feature, and comes from Debian's main section alone", () => {
    expect(ordinary.packages).toContain("containerd");
    expect(ordinary.packages.filter((name) => /zfs|fuse|headers/u.test(name))).toEqual([]);
    expect(ordinary.options).toContain("--components=main");
    expect(planRootfs(planArchitecture("x86_64"), [])).toEqual(ordinary);
  });

  test("ZFS is compiled for the guest's own kernel, and before the compilers are gone its modules are kept", () => {
    const { packages, options } = planRootfs(planArchitecture("aarch64"), ["zfs"]);
    expect(packages).toEqual(expect.arrayContaining(["linux-headers-cloud-arm64", "zfs-dkms", "zfsutils-linux"]));
    expect(options).toContain("--components=main,contrib");
    const hook = options.find((option) => option.includes("dkms autoinstall")) ?? "";
    expect(hook.indexOf("cp ")).toBeGreaterThan(hook.indexOf("dkms autoinstall"));
    expect(hook.indexOf("purge --auto-remove zfs-dkms linux-headers-cloud-arm64")).toBeGreaterThan(hook.indexOf("cp "));
    // The image's own last touches come after everything that installs or removes.
    expect(options.indexOf(hook)).toBeLessThan(options.findIndex((option) => option.includes("machine-id")));
  });

  test("features add up", () => {
    expect(planRootfs(planArchitecture("x86_64"), ["zfs", "fuse-overlayfs"]).packages).toEqual(
      expect.arrayContaining(["fuse-overlayfs", "fuse3", "zfsutils-linux"]),
    );
  });
});

test("parts with the same features have one name, whatever the order", () => {
  expect(formatFeatures([])).toBe("");
  expect(formatFeatures(["zfs", "fuse-overlayfs", "zfs"])).toBe("-fuse-overlayfs-zfs");
});
