import { parse as parseYaml, YAMLParseError } from "yaml";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import { findModulePathProblem } from "../gomod/parse-module.ts";

const spdx = z
  .string()
  .regex(
    /^[A-Za-z0-9.+-]+( [&|] [A-Za-z0-9.+-]+)*$/,
    'write licences as BitBake does: "MIT", "Apache-2.0 & MIT", "Apache-2.0 | MIT"',
  )
  .describe("Licence in BitBake's syntax");
const md5 = z.string().regex(/^[0-9a-f]{32}$/, "must be an md5 sum in small hexadecimal letters");
const commit = z.string().regex(/^[0-9a-f]{40}$/, "must be a whole git commit (40 hexadecimal letters)");
const reason = z.string().min(10, "must say why, in a sentence");
const modulePath = z.string().superRefine((path, context) => {
  const problem = findModulePathProblem(path);
  if (problem !== undefined) context.addIssue({ code: "custom", message: `module path "${path}" ${problem}` });
});

const licenseRule = z.strictObject({
  md5: md5.optional().describe("md5 sum of the licence file; leave it out for a module that has none"),
  module: modulePath.optional().describe("Only for this module; needed when md5 is left out"),
  spdx,
  reason,
});

const gitModule = z.strictObject({
  module: modulePath,
  version: z.string(),
  commit: commit.describe("Commit of the version's tag"),
  repo: z.string().optional().describe("HOST/PATH of the repository, when it is not the module path"),
  subdir: z.string().optional().describe("Folder of the module in the repository, when it is not the root"),
  reason,
  licenses: z.array(z.strictObject({ file: z.string(), md5, spdx })).describe("What a proxy's zip would have told"),
});

const program = z
  .strictObject({
    module: modulePath.optional().describe("Module on the module proxy that is the program; or git"),
    git: z.string().optional().describe("URL of the program's git repository; or module"),
    version: z
      .string()
      .regex(/^v\d+\.\d+\.\d+[-+.\w]*$/, "must be a version: v1.2.3")
      .describe("Version, and name of the git tag"),
    branch: z.string().optional().describe("Branch (or other git ref) to take instead of the tag"),
    commit: commit.optional().describe("Commit that the tag or branch must be"),
    sum: z
      .string()
      .regex(/^h1:[A-Za-z0-9+/]{43}=$/)
      .optional()
      .describe("h1 hash that the program's own zip must have"),
    patches: z.array(z.string()).default([]).describe("Patches on top, in order; paths relative to this file"),
    subdir: z.string().default(".").describe("Folder of go.mod in the source"),
    packages: z.array(z.string()).min(1).default(["."]).describe("Packages that the recipe builds"),
    tags: z.array(z.string()).default([]).describe("Build tags"),
    cgo: z.boolean().default(false).describe("Whether the recipe builds with CGO_ENABLED=1"),
    architectures: z
      .array(z.enum(["amd64", "arm64", "arm", "386", "riscv64"]))
      .min(1)
      .default(["amd64", "arm64", "arm"])
      .describe("GOARCH values"),
    folder: z.string().optional().describe("Folder of the recipe; recipes-containers/<name> by default"),
    release: z.enum(["k3s"]).optional().describe("Whose release data (parts, charts, checksums) go into the version file"),
    "git-modules": z.array(gitModule).default([]).describe("Modules that are fetched from git whatever the module proxy has"),
    licenses: z.array(licenseRule).default([]).describe("Licences that a person looked up"),
  })
  .superRefine((value, context) => {
    if ((value.module === undefined) === (value.git === undefined))
      context.addIssue({ code: "custom", message: "needs either module or git" });
    for (const rule of value.licenses) {
      if (rule.md5 === undefined && rule.module === undefined)
        context.addIssue({ code: "custom", message: `licences: the rule for ${rule.spdx} needs md5 or module` });
    }
  });

const versionsFile = z.strictObject({
  schemaVersion: z.literal(1),
  programs: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/, "names of recipes are small letters, digits and -"), program),
});

/** A program of versions.yaml, with its defaults filled in. */
export type Program = z.infer<typeof program> & { readonly name: string; readonly folder: string };

/**
 * Parses versions.yaml. `where` names it in messages. Throws ConfigError with every problem at once.
 */
export function parseVersionsFile(text: string, where: string): ReadonlyMap<string, Program> {
  let raw: unknown;
  try {
    raw = parseYaml(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new ConfigError(`${where} is not YAML`, { problems: [error.message], cause: error });
  }
  const parsed = versionsFile.safeParse(raw);
  if (!parsed.success) {
    throw new ConfigError(`${where} is wrong`, {
      problems: parsed.error.issues.map(
        (issue) => `${issue.path.length === 0 ? "the file" : issue.path.join(".")}: ${issue.message}`,
      ),
      hint: "docs/generate.md lists every key",
    });
  }
  return new Map(
    Object.entries(parsed.data.programs).map(([name, value]) => [
      name,
      { ...value, name, folder: value.folder ?? `recipes-containers/${name}` },
    ]),
  );
}
