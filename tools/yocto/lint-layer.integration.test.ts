import { appendFile, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Context } from "../core/context.ts";
import { openContext } from "../recipe/testing/open-context.ts";
import { LAYER_FOLDER } from "./read-build-request.ts";
import { fetchChecks } from "./testing/fetch-checks.ts";
import { writeParsedFiles } from "./testing/run-layer-parser.ts";
import { readRepositoryFiles } from "./write-layer-copy.ts";
import { selectBitBakeFiles } from "./testing/select-layer-files.ts";

const TIMEOUT_MS = 900_000;

let folder = "";
let ctx: Context;
let files: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-lint-"));
  ctx = openContext(folder, process.env);
  await fetchChecks(ctx);
  files = selectBitBakeFiles(await readRepositoryFiles(ctx, LAYER_FOLDER));
}, TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true }));

/** The findings of oelint-adv under the repository's .oelint.cfg, one a line. */
async function lint(where: string): Promise<string> {
  const python = await fetchChecks(ctx);
  const argv = [python, "-m", "oelint_adv", "--quiet", "--relpaths", "--release", "wrynose", ...files];
  const { status, stdout, stderr } = await ctx.exec.run(argv, { cwd: where });
  return status === 0 ? "" : `${stdout}${stderr}` || `oelint-adv ended with ${status}`;
}

test(
  "oelint-adv finds nothing in the layer's recipes, appends, includes, classes and configuration",
  { timeout: TIMEOUT_MS },
  async () => {
    expect(await lint(LAYER_FOLDER)).toBe("");
  },
);

test.each([
  ["recipes-containers/k3s/k3s-conf_1.0.bb", 'LICENSE="MIT"\n', /k3s-conf_1\.0\.bb:\d+:\w+:oelint\./u],
  ["classes/k3s-airgap.bbclass", 'K3S_DEVICE_FILES:append = "x"\n', /k3s-airgap\.bbclass:\d+:error:oelint\.vars\.inconspaces/u],
  ["conf/layer.conf", 'SOMETHING_ELSE = "1"\n', /layer\.conf:\d+:warning:oelint\.vars\.layerconf/u],
])("a fault in %s is found", { timeout: TIMEOUT_MS }, async (path, line, finding) => {
  const copy = await writeParsedFiles(ctx, join(folder, "copy"));
  await copyFile(join(LAYER_FOLDER, ".oelint.cfg"), join(copy, ".oelint.cfg"));
  await appendFile(join(copy, path), line);
  expect(await lint(copy)).toMatch(finding);
  await rm(copy, { recursive: true });
});
