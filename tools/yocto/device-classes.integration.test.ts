import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { fetchChecks } from "./testing/fetch-checks.ts";
import { askRecipe, formatMessages } from "./testing/run-layer-parser.ts";

// k3s-manifests and k3s-airgap as products use them, run by real BitBake without openembedded-core: files that a device has from the start.

const TIMEOUT_MS = 900_000;

let folder = "";
let ctx: Context;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-classes-"));
  ctx = openContext(folder, process.env);
  await fetchChecks(ctx);
}, TIMEOUT_MS);

beforeEach(() => rm(join(folder, "build"), { recursive: true, force: true }));

afterAll(() => rm(folder, { recursive: true, force: true }));

async function listFiles(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .toSorted();
}

describe("k3s-manifests and k3s-airgap", () => {
  test.each([
    ["app", ["do_unpack", "do_install"], "D"],
    ["app-image", ["do_rootfs"], "IMAGE_ROOTFS"],
  ])("%s: the files are in the image, and systemd-tmpfiles links them to where k3s looks", async (recipe, run, root) => {
    const answer = await askRecipe(ctx, folder, recipe, { run, variables: [root] });
    expect(formatMessages(answer)).toBe("");
    const image = answer.values[root] ?? "";
    expect(await listFiles(image)).toEqual([
      `/usr/lib/tmpfiles.d/k3s-images-${recipe}.conf`,
      `/usr/lib/tmpfiles.d/k3s-manifests-${recipe}.conf`,
      "/usr/share/k3s/images/app.tar",
      "/usr/share/k3s/manifests/app.yaml",
    ]);
    const source = join(LAYER_FOLDER, "tools/yocto/testdata/base/recipes/app/files");
    for (const [kind, name] of [
      ["images", "app.tar"],
      ["manifests", "app.yaml"],
    ] as const) {
      const path = join(image, "usr/share/k3s", kind, name);
      expect(await readFile(path, "utf8")).toBe(await readFile(join(source, name), "utf8"));
      expect((await stat(path)).mode & 0o777).toBe(0o644);
    }
    const rules = async (kind: string): Promise<readonly string[]> =>
      (await readFile(join(image, `usr/lib/tmpfiles.d/k3s-${kind}-${recipe}.conf`), "utf8"))
        .split("\n")
        .filter((line) => /^[^#]/u.test(line));
    expect(await rules("images")).toEqual([
      "d /var/lib/rancher/k3s/agent/images 0755 root root -",
      "f /var/lib/rancher/k3s/agent/images/.cache.json 0644 root root -",
      "L+ /var/lib/rancher/k3s/agent/images/app.tar - - - - /usr/share/k3s/images/app.tar",
    ]);
    expect(await rules("manifests")).toEqual([
      "d /var/lib/rancher/k3s/server 0700 root root -",
      "d /var/lib/rancher/k3s/server/manifests 0755 root root -",
      "L+ /var/lib/rancher/k3s/server/manifests/app.yaml - - - - /usr/share/k3s/manifests/app.yaml",
    ]);
  });

  test("an image that declares nothing is as it was", async () => {
    const answer = await askRecipe(ctx, folder, "app-image", {
      lines: ['APP_MANIFESTS = ""', 'APP_ARCHIVES = ""'],
      run: ["do_rootfs"],
      variables: ["IMAGE_ROOTFS"],
    });
    expect(formatMessages(answer)).toBe("");
    expect(await listFiles(answer.values["IMAGE_ROOTFS"] ?? "")).toEqual([]);
  });

  test.each([
    [
      "app",
      'APP_MANIFESTS = "app.txt"',
      "K3S_MANIFESTS holds 'app.txt', whose name should end in one of .yaml .yml .json. Write K3S_MANIFESTS = \"NAME.yaml\"",
    ],
    ["app", 'APP_ARCHIVES = "app.zip"', "K3S_AIRGAP_ARCHIVES holds 'app.zip', whose name should end in one of .tar .tar.gz"],
    ["app", 'APP_MANIFESTS = ""', 'app inherits k3s-manifests and has no files for it. Write K3S_MANIFESTS = "NAME.yaml"'],
    ["app", 'APP_ARCHIVES = ""', 'app inherits k3s-airgap and has no files for it. Write K3S_AIRGAP_ARCHIVES = "NAME.tar"'],
    [
      "app",
      'SRC_URI:pn-app = "file://app.tar"',
      "SRC_URI of app has 'file://app.tar', which would be unpacked. Write file://app.tar;unpack=0",
    ],
    [
      "app",
      'SRC_URI:pn-app = "https://example.com/x;downloadfilename=app.tar;unpack=1"',
      "which would be unpacked. Write https://example.com/x;downloadfilename=app.tar;unpack=0",
    ],
    [
      "app-image",
      'APP_MANIFESTS = "app.yaml"',
      'an image names files by full path. Write K3S_MANIFESTS = "${THISDIR}/files/app.yaml"',
    ],
    [
      "app-image",
      'APP_ARCHIVES = "app.tar"',
      'an image names files by full path. Write K3S_AIRGAP_ARCHIVES = "${THISDIR}/files/app.tar"',
    ],
  ])("%s with %s is refused, with the line to write", async (recipe, line, words) => {
    const answer = await askRecipe(ctx, folder, recipe, { lines: [line] });
    expect(answer.failed).toBe(true);
    expect(formatMessages(answer)).toContain(words);
  });
});
