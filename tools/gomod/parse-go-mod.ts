import { ConfigError } from "../core/errors.ts";
import type { ModuleVersion } from "./parse-module.ts";

/** One replace directive. `target.version` is undefined when the target is a local folder. */
export interface Replacement {
  readonly path: string;
  /** undefined: every version of the path. */
  readonly version: string | undefined;
  readonly target: { readonly path: string; readonly version: string | undefined };
}

/** What a recipe needs to know of a go.mod file. */
export interface GoMod {
  readonly module: string;
  /** The language version ("1.26.5"), "1.16" when the file says nothing, as the go command assumes. */
  readonly go: string;
  readonly toolchain: string | undefined;
  readonly requires: readonly ModuleVersion[];
  readonly replaces: readonly Replacement[];
}

const KNOWN_VERBS = new Set(["module", "go", "toolchain", "godebug", "require", "replace", "exclude", "retract", "tool", "ignore"]);

/** Splits a line into tokens: bare words, "interpreted" and `raw` strings; a // comment ends it (golang.org/x/mod/modfile's lexer). */
function splitTokens(line: string): readonly string[] | undefined {
  const tokens: string[] = [];
  let rest = line.trim();
  while (rest !== "" && !rest.startsWith("//")) {
    const match = /^(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`|(=>|[(),[\]])|([^\s"`(),[\]]+?)(?=\s|\/\/|$|[(),[\]]))/.exec(rest);
    if (match === null) return undefined;
    tokens.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? "");
    rest = rest.slice(match[0].length).trimStart();
  }
  return tokens;
}

function parseReplacement(args: readonly string[]): Replacement | undefined {
  const arrow = args.indexOf("=>");
  const left = args.slice(0, arrow);
  const right = args.slice(arrow + 1);
  const [path, version] = left;
  const [targetPath, targetVersion] = right;
  if (arrow < 1 || left.length > 2 || right.length < 1 || right.length > 2 || path === undefined || targetPath === undefined)
    return undefined;
  const isLocal = /^(\.{1,2}(\/|$)|\/|[A-Za-z]:[\\/])/.test(targetPath);
  if (isLocal !== (targetVersion === undefined)) return undefined;
  return { path, version, target: { path: targetPath, version: targetVersion } };
}

/**
 * Parses a go.mod file (https://go.dev/ref/mod#go-mod-file). `where` names it in messages. Throws ConfigError with every line that is not
 * understood: a file that the go command would refuse is not guessed at.
 */
export function parseGoMod(text: string, where: string): GoMod {
  let module: string | undefined;
  let go = "1.16";
  let toolchain: string | undefined;
  const requires: ModuleVersion[] = [];
  const replaces: Replacement[] = [];
  const problems: string[] = [];

  const take = (verb: string, args: readonly string[]): boolean => {
    const [first, second] = args;
    switch (verb) {
      case "module":
        if (args.length !== 1 || first === undefined || module !== undefined) return false;
        module = first;
        return true;
      case "go":
        if (args.length !== 1 || first === undefined || !/^\d+\.\d+(\.\d+|rc\d+|beta\d+)?$/.test(first)) return false;
        go = first;
        return true;
      case "toolchain":
        if (args.length !== 1) return false;
        toolchain = first;
        return true;
      case "require":
        if (args.length !== 2 || first === undefined || second === undefined || !second.startsWith("v")) return false;
        requires.push({ path: first, version: second });
        return true;
      case "replace": {
        const replacement = parseReplacement(args);
        if (replacement !== undefined) replaces.push(replacement);
        return replacement !== undefined;
      }
      default:
        return KNOWN_VERBS.has(verb) && args.length > 0;
    }
  };

  let block: string | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const tokens = splitTokens(line);
    const [head, ...args] = tokens ?? [];
    let understood = tokens !== undefined;
    if (head === undefined) {
      // An empty line, a comment, or a line that could not be split.
    } else if (block !== undefined && head === ")" && args.length === 0) block = undefined;
    else if (block !== undefined) understood = take(block, [head, ...args]);
    else if (args.length === 1 && args[0] === "(" && KNOWN_VERBS.has(head)) block = head;
    else understood = take(head, args);
    if (!understood) problems.push(`line ${index + 1}: not understood: ${line.trim().slice(0, 120)}`);
  }
  if (block !== undefined) problems.push(`the ${block} block is never closed`);
  if (module === undefined && problems.length === 0) problems.push("there is no module line");
  if (module === undefined || problems.length > 0) throw new ConfigError(`${where} is malformed`, { problems });
  return { module, go, toolchain, requires, replaces };
}

/** The directive that replaces a module, the one with a version before the one without (https://go.dev/ref/mod#go-mod-file-replace). */
export function findReplacement(goMod: GoMod, module: ModuleVersion): Replacement | undefined {
  const candidates = goMod.replaces.filter((replacement) => replacement.path === module.path);
  return (
    candidates.find((replacement) => replacement.version === module.version) ??
    candidates.find((replacement) => replacement.version === undefined)
  );
}

/** Throws ConfigError when go.mod replaces a module by a local folder: BitBake could not fetch it. */
export function refuseLocalReplacements(goMod: GoMod, where: string): void {
  const local = goMod.replaces.filter((replacement) => replacement.target.version === undefined);
  if (local.length === 0) return;
  throw new ConfigError(`${where} replaces modules by local folders, which BitBake cannot fetch`, {
    problems: local.map((replacement) => `${replacement.path} => ${replacement.target.path}`),
    hint: "replace them by a published version, or by a fork at a version, in the source that is built",
  });
}
