import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseLayout, parseQemubootSettings } from "./parse-qemu-disk.ts";

const LAYER = new URL("../../", import.meta.url);

test("the layer's layout for QEMU: the root filesystem first, where root=/dev/vda1 finds it, and the empty partition last", async () => {
  const text = await readFile(new URL("files/wic/qemu-k3s-data.wks.in", LAYER), "utf8");
  expect(parseLayout(text, { K3S_DATA_PARTITION_SIZE: "4G" })).toEqual([
    { label: "root", content: "rootfs", sizeMib: undefined },
    { label: "k3s-data", content: "empty", sizeMib: 4096 },
  ]);
});

test("what runqemu is told of the disk", async () => {
  const text = await readFile(new URL("classes-recipe/k3s-qemu-disk.bbclass", LAYER), "utf8");
  expect(parseQemubootSettings(text)).toEqual({
    QB_DEFAULT_FSTYPE: "wic",
    QB_FSINFO: "wic:no-kernel-in-fs",
    QB_KERNEL_ROOT: "/dev/vda1",
  });
});

test.each([
  ["a table that has no labels", "part --source empty --fstype=none --part-name k3s-data --fixed-size 4G", "the layout is no GPT"],
  [
    "a variable without a value",
    "bootloader --ptable gpt\npart --source empty --fstype=none --part-name k3s-data --fixed-size ${SIZE}",
    "not understood",
  ],
  ["another source", "bootloader --ptable gpt\npart --source bootimg_efi --part-name esp", "not understood"],
])("%s is refused", (_name, text, words) => {
  expect(() => parseLayout(text, {})).toThrow(words);
});
