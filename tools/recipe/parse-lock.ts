import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import type { RecipeData } from "./recipe-data.ts";

const licenseSchema = z.strictObject({ file: z.string(), md5: z.string(), spdx: z.string() });
const sourceSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("zip"), sha256: z.string(), h1: z.string() }),
  z.strictObject({ kind: z.literal("mod"), sha256: z.string(), h1: z.string() }),
  z.strictObject({ kind: z.literal("git"), revision: z.string(), repo: z.string().optional(), subdir: z.string().optional() }),
]);
const lockSchema = z.strictObject({
  schemaVersion: z.literal(1),
  program: z.string(),
  version: z.string(),
  recipeVersion: z.string(),
  entry: z.string(),
  go: z.string(),
  source: z.strictObject({ commit: z.string().optional(), h1: z.string().optional(), goMod: z.string(), goSum: z.string() }),
  extraLicenses: z.array(z.string()),
  variables: z.array(z.strictObject({ title: z.string(), values: z.array(z.tuple([z.string(), z.string()])) })),
  modules: z.array(
    z.strictObject({ path: z.string(), version: z.string(), source: sourceSchema, licenses: z.array(licenseSchema) }),
  ),
});

/** `<name>.lock.json`: what the generated files were rendered from, so that they can be checked without the network. */
export type Lock = z.infer<typeof lockSchema>;

/** Parses a lock. `where` names it in messages. Throws ConfigError when it is not one of this version of meta-k3s. */
export function parseLock(text: string, where: string): Lock {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${where} is not JSON`, { cause: error, hint: "it is generated: take it from git again" });
  }
  const parsed = lockSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new ConfigError(`${where} is not a lock that this version understands`, {
    problems: parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join(".")}: ${issue.message}`),
    hint: "generate the recipe again",
  });
}

/** A lock as text: one line a module, so that a change shows as the lines it is about. */
export function formatLock(lock: Lock): string {
  const { modules, ...head } = lock;
  const start = JSON.stringify(head, null, 2).replace(/\n\}$/, "");
  const lines = modules.map((module) => `    ${JSON.stringify(module)}`);
  return `${start},\n  "modules": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

/** What the recipe's files are rendered from. */
export function planRecipeData(lock: Lock): RecipeData {
  return {
    program: lock.program,
    recipeVersion: lock.recipeVersion,
    modules: lock.modules,
    extraLicenses: lock.extraLicenses,
    variables: lock.variables,
  };
}
