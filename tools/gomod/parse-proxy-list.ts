import { ConfigError } from "../core/errors.ts";

/** One place to ask for a module. */
export interface ProxyStep {
  /** A module proxy's base URL without a trailing slash (http, https or file), "direct" (the module's own repository) or "off". */
  readonly place: string;
  /** When the next place is asked: only after "not found" (a comma in GOPROXY) or after any error (a bar). */
  readonly next: "not-found" | "any-error";
}

/**
 * Parses GOPROXY as the go command does (https://go.dev/ref/mod#goproxy-protocol): URLs, "direct" and "off", separated by commas or bars.
 * What follows "direct" or "off" can never be reached and is left out. Throws ConfigError for a value that no place can be taken from.
 */
export function parseProxyList(value: string): readonly ProxyStep[] {
  const steps: ProxyStep[] = [];
  for (const [, text = "", separator = ""] of value.matchAll(/([^,|]*)([,|]|$)/g)) {
    const place = text.trim().replace(/\/+$/, "");
    if (place !== "") {
      steps.push({ place, next: separator === "|" ? "any-error" : "not-found" });
      if (place === "direct" || place === "off") break;
      checkUrl(place);
    }
    if (separator === "") break;
  }
  if (steps.length === 0)
    throw new ConfigError("GOPROXY is empty", { hint: "set it to a module proxy's URL, to direct or to off" });
  return steps;
}

function checkUrl(place: string): void {
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (url !== undefined && ["http:", "https:", "file:"].includes(url.protocol)) return;
  throw new ConfigError(`GOPROXY: "${hidePassword(place)}" is not a proxy's URL`, {
    hint: "use http://, https:// or file:// URLs, direct or off, separated by commas or bars",
  });
}

/** A URL as it may be shown: without its user name and password. */
export function hidePassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}

/**
 * Whether a module path matches one of the comma-separated patterns of GOPRIVATE or GONOPROXY: a glob matches a path or any path below it
 * (golang.org/x/mod/module.MatchPrefixPatterns).
 */
export function matchesPrefixPatterns(patterns: string, path: string): boolean {
  const elements = path.split("/");
  return patterns
    .split(",")
    .map((pattern) => pattern.trim().replace(/\/+$/, ""))
    .filter((pattern) => pattern !== "")
    .some((pattern) => {
      const globs = pattern.split("/");
      return globs.length <= elements.length && globs.every((glob, index) => globToRegExp(glob).test(elements[index] ?? ""));
    });
}

/** path.Match of Go for one element: * ? [a-z] and backslash. */
function globToRegExp(glob: string): RegExp {
  const source = glob.replaceAll(
    /\\(.)|\[(\^?)((?:\\.|[^\]])+)\]|[*?]|[.+^${}()|[\]\\/]/g,
    (match, escaped: string | undefined, negated: string, set: string | undefined) => {
      if (match === "*") return "[^/]*";
      if (match === "?") return "[^/]";
      if (set !== undefined) return `[${negated}${set}]`;
      return `\\${escaped ?? match}`;
    },
  );
  return new RegExp(`^${source}$`);
}
