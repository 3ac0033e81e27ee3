import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findArtefacts, readBuildResult } from "./find-artefacts.ts";

let buildFolder = "";

beforeEach(async () => {
  buildFolder = await mkdtemp(join(tmpdir(), "meta-k3s-artefacts-"));
});

afterEach(async () => {
  await rm(buildFolder, { recursive: true });
});

/** Lays a deployed image out as image.bbclass does: dated files, and links without the date. */
async function deploy(image: string, machine: string, date: string): Promise<string> {
  const folder = join(buildFolder, "tmp/deploy/images", machine);
  await mkdir(folder, { recursive: true });
  for (const type of ["qemuboot.conf", "ext4"]) {
    const dated = `${image}-${machine}.rootfs-${date}.${type}`;
    await writeFile(join(folder, dated), "x");
    const written = new Date(Number(date) * 1000);
    await utimes(join(folder, dated), written, written);
    const link = join(folder, `${image}-${machine}.rootfs.${type}`);
    await rm(link, { force: true });
    await symlink(dated, link);
  }
  return folder;
}

test("the newest image is found, by the link that has no date", async () => {
  await deploy("core-image-k3s", "qemux86-64", "100");
  const folder = await deploy("core-image-k3s", "qemux86-64", "200");
  const artefacts = await findArtefacts({ buildFolder, machine: "qemux86-64" });
  expect(artefacts.qemuboot).toBe(join(folder, "core-image-k3s-qemux86-64.rootfs.qemuboot.conf"));
  expect(artefacts.images).toEqual([{ path: join(folder, "core-image-k3s-qemux86-64.rootfs.ext4"), bytes: 1 }]);
  expect(artefacts.writtenAtMs).toBe(200_000);
});

test("an image asked for by name is not confused with one that begins alike", async () => {
  await deploy("core-image-k3s", "qemux86-64", "100");
  await deploy("core-image-k3s-agent", "qemux86-64", "200");
  const found = await findArtefacts({ buildFolder, machine: "qemux86-64", image: "core-image-k3s" });
  expect(found.qemuboot).toContain("core-image-k3s-qemux86-64");
});

test("nothing built is told with the command that builds it", async () => {
  await deploy("core-image-k3s", "qemux86-64", "100");
  await expect(findArtefacts({ buildFolder, machine: "qemuarm" })).rejects.toMatchObject({
    code: "CONFIG",
    hint: "./meta-k3s build qemuarm",
  });
});

test("a result of another version, or none, is no result", async () => {
  const path = join(buildFolder, "result.json");
  expect(await readBuildResult(path)).toBeUndefined();
  await writeFile(path, '{"schemaVersion": 0}');
  expect(await readBuildResult(path)).toBeUndefined();
});
