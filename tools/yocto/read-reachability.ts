import { connect } from "node:net";
import type { Context, Env } from "../core/context.ts";
import { DownloadError } from "../core/errors.ts";

const PROBE_TIMEOUT_MS = 4000;

function proxyOf(url: URL, env: Env): URL | undefined {
  const excluded = (env["no_proxy"] ?? env["NO_PROXY"] ?? "").split(",").map((name) => name.trim().replace(/^\*?\./, ""));
  if (excluded.some((name) => name !== "" && (url.hostname === name || url.hostname.endsWith(`.${name}`)))) return undefined;
  const name = `${url.protocol.replace(":", "")}_proxy`;
  const value = env[name] ?? env[name.toUpperCase()] ?? env["all_proxy"] ?? env["ALL_PROXY"];
  return value === undefined || value === "" ? undefined : new URL(value.includes("://") ? value : `http://${value}`);
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "http:" || url.protocol === "ws:" ? 80 : 443;
}

/**
 * Opens a TCP connection to a URL's host, or to the proxy that the environment names for it, and tells why it cannot: undefined when it can.
 * Takes four seconds at most.
 */
export async function readReachability(ctx: Pick<Context, "env" | "signal">, address: string): Promise<string | undefined> {
  const url = new URL(address);
  const proxy = proxyOf(url, ctx.env);
  const via = proxy ?? url;
  const prefix = proxy === undefined ? "" : `the proxy ${proxy.host}: `;
  return new Promise((resolve) => {
    const socket = connect({ host: via.hostname, port: portOf(via), signal: ctx.signal });
    const end = (problem: string | undefined): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(`${prefix}no answer in ${PROBE_TIMEOUT_MS / 1000} s`));
    socket.once("connect", () => end(undefined));
    socket.once("error", (error) => end(`${prefix}${error.message}`));
  });
}

/** Throws DownloadError naming the first host that cannot be reached; `instead` says what the user can give in its place. */
export async function checkReachability(ctx: Context, addresses: readonly string[], instead: string): Promise<void> {
  const problems = await Promise.all(addresses.map((address) => readReachability(ctx, address)));
  const index = problems.findIndex((problem) => problem !== undefined);
  if (index < 0) return;
  const host = new URL(addresses[index] ?? "").hostname;
  throw new DownloadError(`cannot reach ${host} (${problems[index]})`, { hint: instead });
}
