import { createHash } from "node:crypto";
import { extname, join } from "node:path";
import { readFileDigest, readTreeDigests } from "../testbed/read-digests.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
/** What is not the project's, or decides nothing that a test sees. */
const LEFT_OUT = new Set([".git", "node_modules", "build", ".cache", "__pycache__", "docs"]);

function isLeftOut(name: string): boolean {
  return LEFT_OUT.has(name) || extname(name) === ".md";
}

/** sha256 over all files of the project but its pages (docs, Markdown), so that results stay those of a source that was only described better. */
export async function readSourceDigest(repository = REPOSITORY): Promise<string> {
  const digests = await readTreeDigests(repository, { base: repository, skip: isLeftOut });
  const lines = Object.entries(digests).map(([path, digest]) => `${path}\0${digest}\n`);
  return createHash("sha256").update(lines.sort().join("")).digest("hex");
}

/**
 * What guests run that were given this binary: the sha256 of that file, or "the testbed's" without it, which is the official release where that can be
 * fetched and else the stand-in (select-k3s.ts). Throws errors of node:fs.
 */
export async function readK3sIdentity(k3sPath: string | undefined): Promise<string> {
  return k3sPath === undefined || k3sPath === "" ? "the testbed's" : readFileDigest(k3sPath);
}
