import type { Context } from "../core/context.ts";
import { PreflightError } from "../core/errors.ts";
import { parseProxyList } from "./parse-proxy-list.ts";
import type { ProxyStep } from "./parse-proxy-list.ts";

/** What the go command's settings say about where modules come from. */
export interface GoSettings {
  readonly proxies: readonly ProxyStep[];
  /** GOPROXY as given, for a go command that is run. */
  readonly goproxy: string;
  /** Patterns of modules that never come from a proxy. */
  readonly noProxy: string;
  /** The go command's own module cache, when there is one. */
  readonly moduleCache: string | undefined;
  /** "1.26.5"; undefined when there is no go command. */
  readonly goVersion: string | undefined;
}

const NAMES = ["GOPROXY", "GOPRIVATE", "GONOPROXY", "GOMODCACHE", "GOVERSION"] as const;

async function readGoEnv(ctx: Context): Promise<Partial<Record<(typeof NAMES)[number], string>> | undefined> {
  const result = await ctx.exec.run(["go", "env", "-json", ...NAMES], { env: { GOTOOLCHAIN: "local", GOWORK: "off" } });
  if (result.status !== 0) return undefined;
  return JSON.parse(result.stdout) as Partial<Record<(typeof NAMES)[number], string>>;
}

/**
 * Reads where modules come from: the environment first, then `go env` (which knows the go command's defaults and its configuration file).
 * Throws PreflightError when neither says where the module proxy is, ConfigError when GOPROXY is malformed.
 */
export async function readGoSettings(ctx: Context): Promise<GoSettings> {
  const found = await readGoEnv(ctx);
  const pick = (name: (typeof NAMES)[number]): string => {
    const own = ctx.env[name];
    return own === undefined || own === "" ? (found?.[name] ?? "") : own;
  };
  const goproxy = pick("GOPROXY");
  if (goproxy === "") {
    throw new PreflightError("no module proxy is known: GOPROXY is not set and there is no go command to ask", {
      checks: [
        {
          name: "GOPROXY",
          found: "not set",
          repair: "export GOPROXY=https://your.module.proxy   (https://go.dev/ref/mod#environment-variables)",
        },
      ],
      hint: "install Go, whose `go env GOPROXY` names the default, or set GOPROXY",
    });
  }
  const noProxy = pick("GONOPROXY");
  const moduleCache = pick("GOMODCACHE");
  return {
    proxies: parseProxyList(goproxy),
    goproxy,
    noProxy: noProxy === "" ? pick("GOPRIVATE") : noProxy,
    moduleCache: moduleCache === "" ? undefined : moduleCache,
    goVersion: found === undefined ? undefined : (/^go([\d.]+\w*)/.exec(found.GOVERSION ?? "")?.[1] ?? undefined),
  };
}
