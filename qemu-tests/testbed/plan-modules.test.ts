import { describe, expect, test } from "vitest";
import { planModules } from "./plan-modules.ts";

const DEPENDENCIES = `kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz
kernel/fs/mbcache.ko.xz:
kernel/fs/jbd2/jbd2.ko.xz: kernel/lib/crc32c.ko.xz
kernel/lib/crc32c.ko.xz:
kernel/lib/crc16.ko.xz:
kernel/drivers/virtio/virtio-mmio.ko: 
`;

describe("planModules", () => {
  test("puts each module after those that it needs, once", () => {
    const order = planModules({ wanted: ["virtio_mmio", "ext4", "jbd2"], dependencies: DEPENDENCIES, builtIn: "" });
    expect(order).toStrictEqual([
      "kernel/drivers/virtio/virtio-mmio.ko",
      "kernel/lib/crc16.ko.xz",
      "kernel/fs/mbcache.ko.xz",
      "kernel/lib/crc32c.ko.xz",
      "kernel/fs/jbd2/jbd2.ko.xz",
      "kernel/fs/ext4/ext4.ko.xz",
    ]);
  });

  test("needs no file for what the kernel has built in", () => {
    expect(
      planModules({ wanted: ["virtio_blk"], dependencies: "", builtIn: "kernel/drivers/block/virtio_blk.ko\n" }),
    ).toStrictEqual([]);
  });

  test("refuses a module that the kernel does not have", () => {
    expect(() => planModules({ wanted: ["virtio_blk"], dependencies: DEPENDENCIES, builtIn: "" })).toThrow("no module virtio_blk");
  });
});
