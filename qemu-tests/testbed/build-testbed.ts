import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import { ConfigError } from "../../tools/core/errors.ts";
import type { Architecture } from "../../tools/machine/machine-spec.ts";
import type { ImageFeature } from "../../tools/scenario/image-feature.ts";
import { defineParts } from "./define-parts.ts";
import { openPartCache } from "./open-part-cache.ts";
import { openPrivilege, removeTree } from "./open-privilege.ts";
import type { Privilege } from "./open-privilege.ts";
import type { PartOutcome } from "./part.ts";
import { planParts } from "./plan-parts.ts";
import { readTestbedInputs } from "./read-testbed-inputs.ts";
import { runParts } from "./run-parts.ts";
import type { K3sChoice } from "./select-k3s.ts";

export interface TestbedOptions {
  readonly arch: Architecture;
  /** What the guest is to have beyond the ordinary one, which costs further parts; nothing by default. */
  readonly features?: readonly ImageFeature[] | undefined;
  /** Any k3s binary (a release or cmd/server), relative to the context's folder; without it the release or the stand-in. */
  readonly k3s?: string | undefined;
}

/** A guest image in a folder as OE-core's deploy folder would be. Not to be written to: it is the cache's. */
export interface TestbedImage {
  readonly qemubootPath: string;
  readonly deployDir: string;
  /** True where the guest's k3s is the stand-in and not k3s. */
  readonly standIn: boolean;
  readonly k3s: K3sChoice;
  readonly parts: readonly PartOutcome[];
}

/**
 * Makes the Debian guest, or finds it made: every part is kept under a hash of its inputs in $XDG_CACHE_HOME/meta-k3s/testbed (default
 * ~/.cache), and made again only when one of them changed. Throws ConfigError for a --k3s that is no file, PreflightError for what the host
 * lacks, CommandError and DownloadError for what failed, AbortedError when stopped; nothing half is left in any case.
 */
export async function buildTestbed(ctx: Context, options: TestbedOptions): Promise<TestbedImage> {
  const cacheRoot = join(ctx.env["XDG_CACHE_HOME"] ?? join(ctx.env["HOME"] ?? homedir(), ".cache"), "meta-k3s");
  let privilege: Promise<Privilege> | undefined;
  const getPrivilege = async (): Promise<Privilege> => (privilege ??= openPrivilege(ctx, process.getuid?.() ?? 0));
  const cache = openPartCache(join(cacheRoot, "testbed"), async (path) => removeTree(ctx, await getPrivilege(), path));

  const k3sFile = options.k3s === undefined ? undefined : resolve(ctx.cwd, options.k3s);
  if (k3sFile !== undefined) {
    const info = await stat(k3sFile).catch(() => undefined);
    if (info?.isFile() !== true) throw new ConfigError(`--k3s ${options.k3s}: no such file`);
  }
  const inputs = await readTestbedInputs(ctx, { arch: options.arch, features: options.features ?? [], k3sFile, cache, cacheRoot });
  if (inputs.k3s.kind === "stand-in") {
    ctx.log.warn(
      `the guest's k3s is the STAND-IN (upstream Kubernetes behind k3s's command line): ${inputs.k3s.why}; give a real one with --k3s FILE`,
    );
  }
  const { parts, diskPart, imageName } = defineParts(inputs, getPrivilege);
  const planned = planParts(parts);
  const outcomes = await runParts(ctx, planned, { cache });
  const disk = outcomes.get(diskPart);
  if (disk === undefined) throw new Error(`nothing made ${diskPart}`);
  return {
    qemubootPath: join(disk.dir, `${imageName}.qemuboot.conf`),
    deployDir: disk.dir,
    standIn: inputs.k3s.kind === "stand-in",
    k3s: inputs.k3s,
    parts: [...outcomes.values()],
  };
}
