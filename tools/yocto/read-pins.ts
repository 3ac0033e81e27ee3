import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";

/** One repository that images are built from, at its pinned revision. */
export interface Pin {
  readonly name: string;
  readonly url: string;
  /** Full SHA-1. */
  readonly commit: string;
  /** Relative to the work folder. */
  readonly path: string;
}

const baseSchema = z.object({
  repos: z.record(z.string(), z.object({ url: z.url().optional(), path: z.string().optional() }).nullable()),
});
const lockSchema = z.object({
  overrides: z.object({ repos: z.record(z.string(), z.object({ commit: z.string().regex(/^[0-9a-f]{40}$/) })) }),
});

async function readYaml<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(parse(await readFile(path, "utf8")));
  if (result.success) return result.data;
  throw new ConfigError(`${path} is not what setup reads`, { problems: [z.prettifyError(result.error)] });
}

/** Reads the pinned repositories from setup/kas/base.yml and its lock file. Throws ConfigError when one has no pin. */
export async function readPins(layerFolder: string): Promise<readonly Pin[]> {
  const base = await readYaml(join(layerFolder, "setup/kas/base.yml"), baseSchema);
  const lockPath = join(layerFolder, "setup/kas/base.lock.yml");
  const lock = await readYaml(lockPath, lockSchema);
  return Object.entries(base.repos).flatMap(([name, repo]) => {
    if (repo?.url === undefined) return [];
    const commit = lock.overrides.repos[name]?.commit;
    if (commit === undefined)
      throw new ConfigError(`${lockPath} pins no commit for ${name}`, { hint: "kas lock setup/kas/base.yml" });
    return [{ name, url: repo.url, commit, path: repo.path ?? name }];
  });
}
