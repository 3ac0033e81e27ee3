/** Where BitBake gets a module from. */
export type ModuleSource =
  /** A zip from a module proxy, verified against go.sum; `sha256` is that of the zip file, in hex. */
  | { readonly kind: "zip"; readonly sha256: string }
  /** A go.mod file alone, which the go command reads to choose versions; `sha256` is that of the file. */
  | { readonly kind: "mod"; readonly sha256: string }
  /** A git repository at a revision, for a module that proxies refuse. */
  | {
      readonly kind: "git";
      readonly revision: string;
      /** HOST/PATH, where it is not the module path. */
      readonly repo?: string | undefined;
      /** Folder of the module in the repository, where it is not the root. */
      readonly subdir?: string | undefined;
    };

/** A licence file of a module. */
export interface RecipeLicense {
  /** Relative to the module's root. */
  readonly file: string;
  readonly md5: string;
  /** SPDX identifiers in BitBake's syntax: "Apache-2.0 & MIT". */
  readonly spdx: string;
}

/** A module as the recipe needs it. */
export interface RecipeModule {
  readonly path: string;
  readonly version: string;
  readonly source: ModuleSource;
  readonly licenses: readonly RecipeLicense[];
}

/** Assignments that belong together, under one comment. */
export interface VariableGroup {
  readonly title: string;
  readonly values: readonly (readonly [name: string, value: string])[];
}

/** Everything the generated files of one recipe say. */
export interface RecipeData {
  /** Name of the recipe, and of the entry in versions.yaml. */
  readonly program: string;
  /** Version in the file's name: "1.36.3". */
  readonly recipeVersion: string;
  readonly modules: readonly RecipeModule[];
  /** Licences of modules that have no licence file. */
  readonly extraLicenses: readonly string[];
  readonly variables: readonly VariableGroup[];
}
