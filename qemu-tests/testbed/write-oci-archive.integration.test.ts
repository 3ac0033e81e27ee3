import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeOciArchive } from "./write-oci-archive.ts";
import type { LayerEntry } from "./write-oci-archive.ts";

const run = promisify(execFile);

const IMAGE = {
  reference: "docker.io/rancher/mirrored-pause:3.10.2",
  goArch: "arm",
  variant: "v7",
  entrypoint: ["/usr/bin/pause"],
  command: [],
  uid: 65535,
  labels: { "org.opencontainers.image.version": "3.10.2" },
};

let dir: string;
let entries: readonly LayerEntry[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "meta-k3s-oci-"));
  await writeFile(join(dir, "pause"), "#!/bin/sh\n");
  entries = [
    { kind: "link", path: "/bin/sh", target: "../usr/bin/pause" },
    { kind: "file", path: "/usr/bin/pause", mode: 0o755, source: join(dir, "pause") },
    { kind: "directory", path: "/tmp", mode: 0o1777, uid: 1000 },
  ];
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("writeOciArchive", () => {
  test("writes an image that skopeo reads: name, platform, user, entry point and layer", async () => {
    const path = join(dir, "image.tar");
    await writeOciArchive(path, IMAGE, entries);
    // Copying checks every digest and size on the way.
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "--quiet",
      `oci-archive:${path}:${IMAGE.reference}`,
      `dir:${join(dir, "copy")}`,
    ]);
    const inspected = await run("skopeo", ["inspect", "--config", `oci-archive:${path}:${IMAGE.reference}`]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      architecture: "arm",
      variant: "v7",
      os: "linux",
      config: { User: "65535:65535", Entrypoint: ["/usr/bin/pause"], Labels: IMAGE.labels },
    });
    const manifest = JSON.parse(await readFile(join(dir, "copy/manifest.json"), "utf8")) as { layers: { digest: string }[] };
    const layer = manifest.layers[0]?.digest.replace("sha256:", "") ?? "";
    const listed = await run("tar", ["--numeric-owner", "-tvf", join(dir, "copy", layer)], { env: { ...process.env, TZ: "UTC" } });
    expect(
      listed.stdout
        .trim()
        .split("\n")
        .map((line) => line.replace(/ +/gu, " ")),
    ).toStrictEqual([
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 bin/",
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/sh -> ../usr/bin/pause",
      "drwxrwxrwt 1000/1000 0 1970-01-01 00:00 tmp/",
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 usr/",
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 usr/bin/",
      "-rwxr-xr-x 0/0 10 1970-01-01 00:00 usr/bin/pause",
    ]);
  });

  test("gives the same bytes whatever the time and whatever the order of the entries", async () => {
    await writeOciArchive(join(dir, "a.tar"), IMAGE, entries);
    await mkdir(join(dir, "later"));
    await writeFile(join(dir, "later/pause"), "#!/bin/sh\n");
    await chmod(join(dir, "later/pause"), 0o600);
    await utimes(join(dir, "later/pause"), 1, 1);
    const later: readonly LayerEntry[] = [
      { kind: "directory", path: "/tmp", mode: 0o1777, uid: 1000 },
      { kind: "file", path: "/usr/bin/pause", mode: 0o755, source: join(dir, "later/pause") },
      { kind: "link", path: "/bin/sh", target: "../usr/bin/pause" },
    ];
    await writeOciArchive(join(dir, "b.tar"), IMAGE, later);
    expect(await readFile(join(dir, "b.tar"))).toStrictEqual(await readFile(join(dir, "a.tar")));
  });

  test("leaves no file behind when a source is not there", async () => {
    const missing: LayerEntry = { kind: "file", path: "/pause", mode: 0o755, source: join(dir, "nothing") };
    await expect(writeOciArchive(join(dir, "image.tar"), IMAGE, [missing])).rejects.toThrow("ENOENT");
    await expect(readFile(join(dir, "image.tar"))).rejects.toThrow("ENOENT");
    await expect(readFile(join(dir, "image.tar.part"))).rejects.toThrow("ENOENT");
  });
});
