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

  test("no hook runs the host's package tools, which would change the host", () => {
    const { options } = planRootfs(planArchitecture("x86_64"), ["zfs", "fuse-overlayfs", "datastores"]);
    const lines = options.filter((option) => option.includes("-hook=")).flatMap((option) => option.split("\n"));
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.filter((line) => /\b(?:apt|apt-get|dpkg)\b/u.test(line) && !/chroot "\$1"/u.test(line))).toEqual([]);
  });

  test("ZFS is compiled for the guest's own kernel", () => {
    const { packages, options } = planRootfs(planArchitecture("aarch64"), ["zfs"]);
    expect(packages).toEqual(expect.arrayContaining(["linux-headers-cloud-arm64", "zfs-dkms", "zfsutils-linux"]));
    expect(options).toContain("--components=main,contrib");
    const hook = options.find((option) => option.includes("dkms autoinstall")) ?? "";
    expect(hook.indexOf("depmod")).toBeGreaterThan(hook.indexOf("dkms autoinstall"));
    // The image's own last touches come after everything that installs or removes.
    expect(options.indexOf(hook)).toBeLessThan(options.findIndex((option) => option.includes("machine-id")));
  });

  test("a kernel of another Debian release is asked for by that release's name", () => {
    const { packages, options } = planRootfs(planArchitecture("arm"));
    expect(packages).toContain("linux-image-armmp-lpae/bookworm");
    expect(options.find((option) => option.startsWith("--setup-hook="))).toContain("sources.list.d/bookworm.list");
    expect(ordinary.options.filter((option) => option.startsWith("--setup-hook="))).toEqual([]);
    // What is compiled for it needs its own headers.
    expect(planRootfs(planArchitecture("arm"), ["zfs"]).packages).toContain("linux-headers-armmp-lpae/bookworm");
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
