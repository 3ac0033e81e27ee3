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
}

const NAMES = ["GOPROXY", "GOPRIVATE", "GONOPROXY", "GOMODCACHE"] as const;

async function readGoEnv(ctx: Context, names: readonly string[]): Promise<Readonly<Record<string, string>> | undefined> {
  const result = await ctx.exec.run(["go", "env", "-json", ...names], { env: { GOTOOLCHAIN: "local", GOWORK: "off" } });
  return result.status === 0 ? (JSON.parse(result.stdout) as Record<string, string>) : undefined;
}

/** The version of the go command ("1.26.5"); undefined when there is none. */
export async function readGoVersion(ctx: Context): Promise<string | undefined> {
  const found = await readGoEnv(ctx, ["GOVERSION"]);
  return /^go([\d.]+\w*)/.exec(found?.["GOVERSION"] ?? "")?.[1];
}

/**
 * Reads where modules come from: the environment first, then `go env`, which knows the go command's defaults and its configuration file.
 * Throws PreflightError when neither says where the module proxy is, ConfigError when GOPROXY is malformed.
 */
export async function readGoSettings(ctx: Context): Promise<GoSettings> {
  const own = (name: (typeof NAMES)[number]): string => ctx.env[name] ?? "";
  // Each start of the go command costs a tenth of a second; nothing of it is needed when the environment says all.
  const found = own("GOPROXY") !== "" && own("GOMODCACHE") !== "" ? {} : await readGoEnv(ctx, NAMES);
  const pick = (name: (typeof NAMES)[number]): string => (own(name) === "" ? (found?.[name] ?? "") : own(name));
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
  };
}
