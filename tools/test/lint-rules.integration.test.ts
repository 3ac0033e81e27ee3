import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Lints one file at a given place of an otherwise empty tree, under the project's own rules, and gives the messages. */
async function lint(path: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "meta-k3s-lint-"));
  try {
    await copyFile(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    const result = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--deny-warnings", "tools"], {
      cwd: folder,
      encoding: "utf8",
    });
    return result.stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test.each([
  [
    "a pure file may not read files",
    "tools/machine/plan-x.ts",
    'import { readFileSync } from "node:fs";\nexport const x = readFileSync;\n',
    "node:fs",
  ],
  ["a pure file may not read the clock", "tools/cluster/judge-x.ts", "export const x = (): number => Date.now();\n", "Date.now"],
  ["a pure file may not read the environment", "tools/recipe/render-x.ts", "export const x = process.env;\n", "process"],
  ["a pure file may not draw random numbers", "tools/gomod/parse-x.ts", "export const x = Math.random();\n", "Math.random"],
  [
    "core imports no other folder",
    "tools/core/x.ts",
    'import { x } from "../machine/x.ts";\nexport const y = x;\n',
    "tools/core imports no other folder",
  ],
  [
    "domains import no commands",
    "tools/report/write-x.ts",
    'import { x } from "../commands/x.ts";\nexport const y = x;\n',
    "domains never import",
  ],
  [
    "domains run programs through the context",
    "tools/yocto/run-x.ts",
    'import { execa } from "execa";\nexport const y = execa;\n',
    "ctx.exec",
  ],
  ["ssh2 stays in one file", "tools/cluster/read-x.ts", 'import { Client } from "ssh2";\nexport const y = Client;\n', "open-ssh"],
  ["yargs stays in the command line", "tools/commands/x.ts", 'import yargs from "yargs";\nexport const y = yargs;\n', "tools/cli"],
  ["no default exports", "tools/core/x.ts", "export default 1;\n", "default"],
  ["nothing exits behind the command line's back", "tools/core/x.ts", "process.exit(1);\n", "process.exit"],
])("lint holds: %s", async (_rule, path, text, words) => {
  expect(await lint(path, text)).toContain(words);
});

test("lint accepts a pure file that is pure", async () => {
  expect(await lint("tools/machine/plan-x.ts", "export const x = (nowMs: number): number => nowMs + 1;\n")).toContain(
    "Found 0 warnings and 0 errors",
  );
});
