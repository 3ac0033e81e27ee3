import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { buildChoiceSchema, setupRecordSchema } from "./build-choice.ts";
import type { MachineName, SetupRecord } from "./build-choice.ts";
import { planBuildFolders } from "./build-folders.ts";
import type { SetupOptions } from "./run-setup.ts";

/** This repository, which is the layer. */
export const LAYER_FOLDER = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What the command line says of a build; undefined where it says nothing. */
export interface BuildArguments {
  readonly machine: string;
  readonly image: string | undefined;
  readonly provider: string | undefined;
  readonly snapshotter: string | undefined;
  readonly development: boolean | undefined;
  readonly dir: string | undefined;
  readonly sources: string | undefined;
  readonly offline: boolean | undefined;
  readonly "sstate-mirror": boolean | undefined;
}

const DEFAULT_CHOICE = { image: "core-image-k3s", provider: "k3s", snapshotter: "overlayfs", development: false } as const;

async function readEarlierSetup(path: string): Promise<Partial<SetupRecord>> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? {} : (setupRecordSchema.safeParse(JSON.parse(text)).data ?? {});
}

function dropUndefined(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Completes what the command line says with what an earlier `setup` of the machine was told, then with defaults. Throws UsageError. */
export async function readBuildRequest(ctx: Pick<Context, "cwd">, args: BuildArguments): Promise<SetupOptions> {
  const machine = args.machine as MachineName;
  const folders = planBuildFolders({ layerFolder: LAYER_FOLDER, cwd: ctx.cwd, workFolder: args.dir, machine });
  const { image, provider, snapshotter, development } = args;
  const earlier = await readEarlierSetup(folders.setupFile);
  const choice = buildChoiceSchema.safeParse({
    ...DEFAULT_CHOICE,
    ...earlier.choice,
    ...dropUndefined({ image, provider, snapshotter, development }),
    machine,
  });
  if (!choice.success) throw new UsageError(z.prettifyError(choice.error));
  return {
    choice: choice.data,
    folders,
    layerFolder: LAYER_FOLDER,
    sources: args.sources === undefined ? (earlier.sources ?? undefined) : resolve(ctx.cwd, args.sources),
    offline: args.offline ?? earlier.offline ?? false,
    sstateMirror: args["sstate-mirror"] ?? earlier.sstateMirror ?? true,
  };
}
