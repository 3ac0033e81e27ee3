import { describe, expect, test } from "vitest";
import { parseDeviceKernel } from "./parse-device-kernel.ts";

const dump = `@release 6.18.2-yocto-standard
@machine aarch64
@iptables iptables v1.8.13 (nf_tables)
@config /proc/config.gz
#
# Linux/arm64 6.18.2 Kernel Configuration
#
CONFIG_VXLAN=m
# CONFIG_RT_GROUP_SCHED is not set
@modules
/lib/modules/6.18.2-yocto-standard/kernel/drivers/net/vxlan/vxlan.ko.xz
/lib/modules/6.18.2-yocto-standard/updates/nf-tables.ko
kernel/fs/overlayfs/overlay.ko
`;
const parse = (text: string): ReturnType<typeof parseDeviceKernel> => parseDeviceKernel(text, "kitchen");

describe("parseDeviceKernel", () => {
  test("gives release, architecture, configuration, modules and kind of iptables", () => {
    const kernel = parse(dump);
    expect(kernel).toMatchObject({ configPath: "/proc/config.gz", version: [6, 18], arch: "arm64", iptables: "nft" });
    expect([...kernel.config.values]).toEqual([
      ["CONFIG_VXLAN", "m"],
      ["CONFIG_RT_GROUP_SCHED", "n"],
    ]);
    expect([...kernel.modules]).toEqual(["vxlan", "nf_tables", "overlay"]);
  });

  test.each([
    ["iptables v1.8.13 (legacy)", "legacy"],
    ["iptables v1.6.2", "legacy"],
    ["", undefined],
  ])("takes the kind of iptables from %j", (said, kind) => {
    expect(parse(dump.replace("iptables v1.8.13 (nf_tables)", said)).iptables).toBe(kind);
  });

  test("takes the architecture from uname where the configuration has no head", () => {
    const headless = dump.replace(/^# Linux.*\n/mu, "");
    expect(parse(headless).arch).toBe("arm64");
    expect(parse(headless.replace("aarch64", "armv7l")).arch).toBe("arm");
    expect(() => parse(headless.replace("aarch64", "riscv64"))).toThrow(/kitchen runs Linux 6.18.2-yocto-standard on riscv64/u);
  });

  test("a device without modules has none", () => {
    expect(parse(dump.slice(0, dump.indexOf("@modules") + 9)).modules.size).toBe(0);
  });

  test("a kernel that does not tell its configuration is an error that says what to give instead", () => {
    const without = dump.replace(/@config[^@]*/u, "");
    expect(() => parse(without)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining("kitchen does not tell the configuration of its kernel 6.18.2-yocto-standard"),
        hint: expect.stringContaining("CONFIG_IKCONFIG_PROC=y"),
      }),
    );
  });

  test("a configuration that could not be unpacked is not taken for an empty one", () => {
    expect(() => parse(dump.replace(/(@config \S+\n)[^@]*/u, "$1"))).toThrow(/kitchen:\/proc\/config.gz holds no kernel config/u);
  });
});
