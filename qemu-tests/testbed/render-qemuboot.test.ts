import { describe, expect, test } from "vitest";
import { planArchitecture } from "./plan-architecture.ts";
import { renderQemuboot } from "./render-qemuboot.ts";

const SIZE = { imageName: "testbed", initrdName: "initrd", memoryMib: 2048, cpus: 2, programs: "../../qemu/1/bin" };

function parse(text: string): Record<string, string> {
  const [section, ...lines] = text.trimEnd().split("\n");
  expect(section).toBe("[config_bsp]");
  return Object.fromEntries(lines.map((line) => /^(\S+) = (.*)$/u.exec(line)?.slice(1) ?? []) as [string, string][]);
}

describe("renderQemuboot", () => {
  test.each(["x86_64", "aarch64", "arm"] as const)("%s names its files relative to itself and gives memory in MiB", (arch) => {
    const values = parse(renderQemuboot({ architecture: planArchitecture(arch), ...SIZE }));
    expect(values).toMatchObject({
      deploy_dir_image: ".",
      image_link_name: "testbed",
      qb_default_fstype: "ext4",
      qb_mem: "-m 2048",
      qb_smp: "-smp 2",
      qb_kernel_root: "/dev/vda",
      staging_bindir_native: "../../qemu/1/bin",
      qb_opt_append: "-initrd @DEPLOY_DIR_IMAGE@/initrd",
    });
    expect(values["qb_kernel_cmdline_append"]).toMatch(arch === "x86_64" ? /console=ttyS0/u : /console=ttyAMA0/u);
  });
});
