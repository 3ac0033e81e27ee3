import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "../../core/context.ts";
import { LAYER_FOLDER } from "../read-build-request.ts";
import { fetchChecks } from "./fetch-checks.ts";
import { selectLayerFiles } from "./select-layer-files.ts";
import { readRepositoryFiles } from "../write-layer-copy.ts";
import { writeFixtureLayer } from "./write-fixture-layer.ts";

const SCRIPT = fileURLToPath(new URL("parse-layer.py", import.meta.url));

/** Stand-ins for openembedded-core, as small as the layer lets them be, and recipes that use its classes. */
export const BASE_FOLDER = fileURLToPath(new URL("../testdata/base", import.meta.url));

/** A configuration, and what is asked of the recipes under it; the head of parse-layer.py has the meaning of each. */
export interface LayerCase {
  readonly configuration: string;
  readonly recipes?: readonly string[];
  readonly variables?: readonly string[];
  readonly run?: readonly string[];
  readonly before?: Readonly<Record<string, string>>;
  readonly event?: boolean;
}

export interface RecipeAnswer {
  /** The reason that BitBake gives for not having the recipe; null where it has it. */
  readonly skipped: string | null;
  readonly failed: boolean;
  /** Level and text of what was logged, from warnings on. */
  readonly messages: readonly (readonly [string, string])[];
  readonly values: Readonly<Record<string, string | null>>;
}

export interface LayerAnswer {
  readonly files: readonly string[];
  readonly unused: readonly string[];
  readonly messages: readonly (readonly [string, string])[];
  readonly recipes: Readonly<Record<string, RecipeAnswer>>;
}

/** A copy of the layer in `folder`, for planting what is wrong. */
export async function writeParsedFiles(ctx: Context, folder: string): Promise<string> {
  for (const path of selectLayerFiles(await readRepositoryFiles(ctx, LAYER_FOLDER)))
    await cp(join(LAYER_FOLDER, path), join(folder, path));
  return folder;
}

/** Parses the layer (or a copy of it) once for each case, with BitBake's own parser; below `folder` is what is written on the way. */
export async function runLayerParser(
  ctx: Context,
  folder: string,
  cases: readonly LayerCase[],
  layer: string = LAYER_FOLDER,
): Promise<readonly LayerAnswer[]> {
  const python = await fetchChecks(ctx);
  const base = join(folder, "base");
  await writeFixtureLayer(BASE_FOLDER, base);
  const { stdout } = await ctx.exec.runCheck([python, SCRIPT, layer, base, join(folder, "build")], {
    env: { PYTHONDONTWRITEBYTECODE: "1" },
    input: cases.map((each) => `${JSON.stringify(each)}\n`).join(""),
  });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LayerAnswer);
}

/** A recipe's name from its path: what stands before the version. */
export function recipeNameOf(path: string): string {
  return /([^/_]+)(?:_[^/]*)?\.bb$/u.exec(path)?.[1] ?? path;
}

/** The answer about a recipe by its name, whatever its version; the fixture's recipes too. Throws when there is none. */
export function recipeOf(answer: LayerAnswer | undefined, name: string): RecipeAnswer {
  const [, found] = Object.entries(answer?.recipes ?? {}).find(([path]) => recipeNameOf(path) === name) ?? [];
  if (found === undefined) throw new Error(`no recipe ${name} among ${Object.keys(answer?.recipes ?? {}).join(", ")}`);
  return found;
}

/** What a user writes to have k3s: the fragments by name, then further lines. */
export function renderConfiguration(options: { arch?: string; fragments?: readonly string[]; lines?: readonly string[] }): string {
  const fragments = (options.fragments ?? ["enable"]).map((name) => `k3s/k3s/${name}`).join(" ");
  return [`TARGET_ARCH = "${options.arch ?? "x86_64"}"`, `OE_FRAGMENTS = "${fragments}"`, ...(options.lines ?? []), ""].join("\n");
}

/** The answer about one recipe under lines of configuration beside those that have k3s. Throws when the configuration itself is found fault with. */
export async function askRecipe(
  ctx: Context,
  folder: string,
  recipe: string,
  asked: Omit<LayerCase, "configuration" | "recipes"> & { readonly lines?: readonly string[] },
): Promise<RecipeAnswer> {
  const { lines = [], ...others } = asked;
  const [answer] = await runLayerParser(ctx, folder, [
    { configuration: renderConfiguration({ lines }), recipes: [recipe], ...others },
  ]);
  if (answer === undefined || answer.messages.length > 0) throw new Error(`configuration: ${JSON.stringify(answer?.messages)}`);
  return recipeOf(answer, recipe);
}

/** What was logged about a recipe, one message a line, each after its level. */
export function formatMessages(answer: RecipeAnswer): string {
  return answer.messages.map(([level, text]) => `${level} ${text}`).join("\n");
}
