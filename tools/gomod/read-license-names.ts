import { hash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";
import { IntegrityError } from "../core/errors.ts";
import { nameLicense, planLicenseIndex } from "./judge-license.ts";
import type { LicenseIndex } from "./judge-license.ts";
import type { ModuleStore } from "./open-module-store.ts";
import { planLicenseTemplates } from "./plan-license-templates.ts";

/** sha256 of a licence text → SPDX identifiers in BitBake's syntax, "" where no licence was recognised. */
export type LicenseNames = ReadonlyMap<string, string>;

const namesSchema = z.record(z.string().regex(/^[0-9a-f]{64}$/), z.string());
const RULE_FILES = ["parse-license-text.ts", "judge-license.ts", "plan-license-templates.ts"];
const require = createRequire(import.meta.url);

/** The texts of the SPDX list (npm package spdx-license-list), as an index to look licences up in. Takes a second or two. */
export function readLicenseIndex(): LicenseIndex {
  const list = require("spdx-license-list/full") as Readonly<Record<string, { licenseText: string }>>;
  return planLicenseIndex(planLicenseTemplates(Object.entries(list).map(([id, { licenseText }]) => ({ id, text: licenseText }))));
}

/** Changes whenever the rules or the list change, so that no name from older rules is used. */
async function hashRules(): Promise<string> {
  const { version } = require("spdx-license-list/package.json") as { version: string };
  const sources = await Promise.all(RULE_FILES.map((name) => readFile(new URL(name, import.meta.url), "utf8")));
  return hash("sha256", [version, ...sources].join("\0")).slice(0, 16);
}

async function readKnown(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  try {
    return new Map(Object.entries(namesSchema.parse(JSON.parse(text))));
  } catch {
    return new Map();
  }
}

/**
 * Names the licence texts with these sha256 sums, which are in the store. Names once found are kept beside the store. Throws IntegrityError when
 * a text is not there any more.
 */
export async function readLicenseNames(store: ModuleStore, sums: readonly string[]): Promise<LicenseNames> {
  const path = join(store.folder("names"), `${await hashRules()}.json`);
  const names = await readKnown(path);
  const unknown = [...new Set(sums)].filter((sum) => !names.has(sum));
  if (unknown.length === 0) return names;
  const index = readLicenseIndex();
  for (const sum of unknown) {
    const text = await store.readText(sum);
    if (text === undefined) {
      throw new IntegrityError(`the cache has lost the licence text ${sum}`, {
        hint: `remove ${store.folder("modules")} and run the command again`,
      });
    }
    names.set(sum, nameLicense(index, Buffer.from(text).toString("utf8")));
  }
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await writeFile(partial, JSON.stringify(Object.fromEntries(names)));
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  return names;
}
