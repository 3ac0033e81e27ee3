import { spawnSync } from "node:child_process";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openContext } from "../recipe/testing/open-context.ts";
import { readRepositoryFiles } from "../yocto/write-layer-copy.ts";
import { selectShellScripts } from "./select-shell-scripts.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

let folder = "";
let scripts: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-shell-"));
  const paths = await readRepositoryFiles(openContext(root, process.env), root);
  const texts = await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path), "utf8")] as const));
  scripts = selectShellScripts(new Map(texts));
});

afterAll(() => rm(folder, { recursive: true }));

/** What shellcheck finds, a file that is sourced being followed from beside the one that sources it. */
function check(where: string): string {
  const result = spawnSync(
    "shellcheck",
    ["--format=gcc", "--external-sources", "--source-path=SCRIPTDIR", "--source-path=.", ...scripts],
    {
      cwd: where,
      encoding: "utf8",
    },
  );
  if (result.error !== undefined)
    throw new Error("shellcheck cannot be run: ./meta-k3s doctor --install --for test", { cause: result.error });
  return result.status === 0 ? "" : `${result.stdout}${result.stderr}`;
}

test("shellcheck is clean over every shell script of the repository", () => {
  expect(scripts).toEqual(
    expect.arrayContaining([
      "meta-k3s",
      "qemu-tests/on-device/functions.sh",
      "qemu-tests/on-device/stubs/systemctl",
      "qemu-tests/testbed/guest-init.sh",
      "recipes-containers/k3s/files/device-state.sh",
      "recipes-containers/k3s/files/k3s-agent",
      "recipes-core/k3s-data-partition/files/prepare-data-partition",
      "tools/prepare-node.sh",
    ]),
  );
  expect(check(root)).toBe("");
});

test("a fault in a script is told with its place", async () => {
  for (const script of scripts) {
    await mkdir(dirname(join(folder, script)), { recursive: true });
    await copyFile(join(root, script), join(folder, script));
  }
  expect(check(folder)).toBe("");
  await appendFile(join(folder, "recipes-containers/k3s/files/k3s-clean"), "rm -rf $undefined_folder/\n");
  expect(check(folder)).toMatch(/^recipes-containers\/k3s\/files\/k3s-clean:\d+:\d+: (?:warning|note): .*\[SC2(?:086|154)\]/mu);
});

test("what is a shell script is known by its first line, by the linter's word in it or by its name", () => {
  const texts = {
    "bin/a": "#!/bin/sh\n",
    b: "#!/usr/bin/env bash\n",
    c: "# shellcheck shell=sh\n",
    "d.sh": "",
    "e.py": "#!/usr/bin/env python3\n",
    f: "sh\n",
  };
  expect(selectShellScripts(new Map(Object.entries(texts)))).toEqual(["bin/a", "b", "c", "d.sh"]);
});
