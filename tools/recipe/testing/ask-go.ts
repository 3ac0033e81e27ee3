import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../core/context.ts";
import { unescapeModule } from "../../gomod/parse-module.ts";
import type { RealProgram } from "./real-programs.ts";

/** What the go command is asked with: a module cache of its own, and go.mod and go.sum as they are. */
export const planGoEnvironment = (cache: string): Record<string, string> => ({
  GOMODCACHE: cache,
  GOFLAGS: "-mod=readonly -modcacherw",
  GOWORK: "off",
  GOTOOLCHAIN: "local",
  GOSUMDB: "off",
  GOOS: "linux",
});

/** A source of the test's own gets its go.sum, and the lines go.mod lacks, from the go command. */
export async function writeSource(ctx: Context, folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  const source = join(folder, "source");
  await mkdir(source, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(source, file), content);
  await ctx.exec.runCheck(["go", "mod", "tidy"], {
    cwd: source,
    env: { ...planGoEnvironment(join(folder, "tidy")), GOFLAGS: "-mod=mod -modcacherw" },
  });
  return source;
}

/** The go command's own answer. */
export interface Reference {
  /** What is linked, by `go list` on all three architectures. */
  readonly linked: ReadonlySet<string>;
  readonly zips: ReadonlySet<string>;
  readonly bareGoMods: ReadonlySet<string>;
  readonly cache: string;
}

/** Asks the go command the same question by itself. */
export async function askGo(ctx: Context, folder: string, program: RealProgram, source: string): Promise<Reference> {
  const cache = join(folder, "reference");
  const format =
    "{{with .Module}}{{if not .Main}}{{with .Replace}}{{.Path}}@{{.Version}}{{else}}{{.Path}}@{{.Version}}{{end}}{{end}}{{end}}";
  const linked = new Set<string>();
  const tags = (program.entry["tags"] ?? []) as string[];
  const packages = (program.entry["packages"] ?? ["."]) as string[];
  for (const architecture of ["amd64", "arm64", "arm"]) {
    const { stdout } = await ctx.exec.runCheck(["go", "list", "-deps", "-f", format, "-tags", tags.join(","), ...packages], {
      cwd: source,
      env: { ...planGoEnvironment(cache), GOARCH: architecture, CGO_ENABLED: program.entry["cgo"] === true ? "1" : "0" },
    });
    for (const line of stdout.split("\n")) if (line !== "") linked.add(line);
  }
  const zips = new Set<string>();
  const goMods = new Set<string>();
  for (const file of await readdir(join(cache, "cache", "download"), { recursive: true })) {
    const match = /^(.*)\/@v\/(.*)\.(zip|mod)$/.exec(file);
    if (match !== null)
      (match[3] === "zip" ? zips : goMods).add(`${unescapeModule(match[1] ?? "")}@${unescapeModule(match[2] ?? "")}`);
  }
  return { linked, zips, bareGoMods: goMods.difference(zips), cache };
}
