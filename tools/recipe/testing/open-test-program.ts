import { hash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import type { Context } from "../../core/context.ts";
import { formatError } from "../../cli/format-error.ts";
import { openExec } from "../../core/run-process.ts";
import type { FetchPatience } from "../../gomod/fetch-file.ts";
import { hashGoMod, readModuleZip } from "../../gomod/read-module-zip.ts";
import { makeModuleZip } from "../../gomod/testing/make-zip.ts";
import { openTestProxy } from "../../gomod/testing/open-test-proxy.ts";
import type { TestProxy } from "../../gomod/testing/open-test-proxy.ts";
import { runWrite } from "../run-requests.ts";

export const MIT_TEXT = `MIT License

Copyright (c) 2026 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the
following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** Three modules: a plain one, one with capitals and a major version, one without a go.mod. */
export const MODULES = {
  plain: { path: "example.com/plain", version: "v1.0.0" },
  capital: { path: "example.com/Some/Capital/v2", version: "v2.1.0-RC.1" },
  old: { path: "example.com/old", version: "v3.0.0+incompatible" },
} as const;

export type TestModule = (typeof MODULES)[keyof typeof MODULES];

/** A little program with its proxy, in a folder of its own. */
export interface TestProgram extends AsyncDisposable {
  readonly folder: string;
  readonly proxy: TestProxy;
  readonly env: Record<string, string>;
  /** Arguments of the command line that generates it. */
  readonly argv: readonly string[];
  generate(patience?: Partial<FetchPatience>): Promise<{ exitCode: number; text: string }>;
  /** Names and contents of the recipe's folder. */
  readRecipe(): Promise<Readonly<Record<string, string>>>;
  /** Every file below a folder of the cache. */
  readCache(folder: string): Promise<readonly string[]>;
  write(name: string, content: string | Uint8Array): Promise<void>;
}

const zips = new Map<string, Buffer>();

export function zipOf(module: TestModule): Buffer {
  const known = zips.get(module.path);
  if (known !== undefined) return known;
  const goMod = module === MODULES.old ? {} : { "go.mod": `module ${module.path}\n\ngo 1.24\n` };
  // Bytes that do not shrink, so that a transfer can be cut in the middle.
  const bulk = hash("sha512", module.path, "buffer");
  const noise = Buffer.concat(
    Array.from({ length: 4000 }, (_, index) => hash("sha512", `${bulk.toString("hex")}${index}`, "buffer")),
  );
  const zip = makeModuleZip(module, { ...goMod, LICENSE: MIT_TEXT, "main.go": "package main\n", "data.bin": noise });
  zips.set(module.path, zip);
  return zip;
}

async function formatGoSum(folder: string): Promise<string> {
  const lines: string[] = [];
  for (const module of Object.values(MODULES)) {
    const path = join(folder, "module.zip");
    await writeFile(path, zipOf(module));
    const zip = await readModuleZip(path, module);
    lines.push(`${module.path} ${module.version} ${zip.zipHash}`, `${module.path} ${module.version}/go.mod ${zip.goModHash}`);
    await rm(path);
  }
  return `${lines.join("\n")}\n`;
}

/** Makes the program's files and starts its proxy. */
export async function openTestProgram(): Promise<TestProgram> {
  const folder = await mkdtemp(join(tmpdir(), "meta-k3s-generate-"));
  const proxy = await openTestProxy();
  for (const module of Object.values(MODULES)) proxy.addZip(module, zipOf(module));
  const source = join(folder, "source");
  await mkdir(source);
  await writeFile(
    join(folder, "versions.yaml"),
    "schemaVersion: 1\nprograms:\n  demo: { git: 'https://example.com/demo', version: v1.2.3 }\n",
  );
  await writeFile(join(source, "go.mod"), "module example.com/demo\n\ngo 1.24\n");
  await writeFile(join(source, "go.sum"), await formatGoSum(folder));
  await writeFile(
    join(source, "modules.txt"),
    Object.values(MODULES)
      .map(({ path, version }) => `${path} ${version}\n`)
      .join(""),
  );
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    XDG_CACHE_HOME: join(folder, "cache"),
    GOPROXY: proxy.url,
    GOMODCACHE: join(folder, "no-module-cache"),
    GOFLAGS: "",
  };
  const modules = join(source, "modules.txt");
  const controller = new AbortController();
  const ctx: Context = {
    exec: openExec({ cwd: folder, env, signal: controller.signal }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined, debug: () => undefined, progress: () => undefined },
    signal: controller.signal,
    cwd: folder,
    env,
  };
  const recipe = join(folder, "recipes-containers", "demo");
  return {
    folder,
    proxy,
    env,
    argv: ["generate", "demo", "--config", join(folder, "versions.yaml"), "--modules", modules],
    async generate(patience = {}) {
      try {
        const request = {
          versionsFile: join(folder, "versions.yaml"),
          name: "demo",
          version: undefined,
          source: undefined,
          modules,
          downloads: undefined,
          offline: false,
        };
        return await runWrite(
          ctx,
          { ...request, patience: { attempts: 3, backoffMs: 5, stallMs: 10_000, ...patience } },
          { dryRun: false, prefetch: undefined },
        );
      } catch (error) {
        return formatError(error);
      }
    },
    async readRecipe() {
      const names = await readdir(recipe).catch(() => []);
      return Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, await readFile(join(recipe, name), "utf8")] as const)),
      );
    },
    async readCache(name) {
      const entries = await readdir(join(folder, "cache", "meta-k3s", "modules", name), {
        recursive: true,
        withFileTypes: true,
      }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    },
    write: (name, content) => writeFile(join(folder, name), content),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** go.sum lines for a zip, as its honest publisher would have them. */
export async function formatSumLines(
  folder: string,
  module: { path: string; version: string },
  zip: Buffer,
  goMod: string,
): Promise<string> {
  const path = join(folder, "sum.zip");
  await writeFile(path, zip);
  const { zipHash } = await readModuleZip(path, module);
  await rm(path);
  return `${module.path} ${module.version} ${zipHash}\n${module.path} ${module.version}/go.mod ${hashGoMod(Buffer.from(goMod))}\n`;
}
