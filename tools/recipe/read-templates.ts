import { readFile } from "node:fs/promises";
import Handlebars from "handlebars";
import type { RecipeTemplates, Template } from "./render-recipe.ts";

/** Compiles a template for BitBake text: no HTML escaping, an error for a name that the view lacks, built-in helpers only. */
async function readTemplate<View>(name: string): Promise<Template<View>> {
  const source = await readFile(new URL(`templates/${name}.hbs`, import.meta.url), "utf8");
  return Handlebars.compile<View>(source, { noEscape: true, strict: true, knownHelpersOnly: true });
}

/** The templates of this folder, ready to render. */
export async function readTemplates(): Promise<RecipeTemplates> {
  return {
    goMods: await readTemplate("go-mods"),
    licenses: await readTemplate("licenses"),
    release: await readTemplate("release"),
  };
}
