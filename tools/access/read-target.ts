import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError, UsageError } from "../core/errors.ts";
import { readRunningMachines } from "./open-running-record.ts";
import type { RunningMachine } from "./running-machine.ts";

/** What a command acts on: a machine that runs here, or a device somewhere, each with the way to log in. */
export interface Target {
  readonly name: string;
  readonly ssh: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly privateKeyPath: string;
    readonly hostKey: string | undefined;
  };
  /** Set for a machine that runs here. */
  readonly machine: RunningMachine | undefined;
}

const DEFAULT_KEYS = ["id_ed25519", "id_ecdsa", "id_rsa"];

async function findKey(ctx: Pick<Context, "env" | "cwd">, given: string | undefined): Promise<string> {
  if (given !== undefined) return resolve(ctx.cwd, given);
  const folder = join(ctx.env["HOME"] ?? "/", ".ssh");
  for (const name of DEFAULT_KEYS) {
    const path = join(folder, name);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  throw new ConfigError(`there is no SSH key in ${folder}`, {
    hint: "name one with --key FILE, or make one: ssh-keygen -t ed25519",
  });
}

/** Parses user@host[:port]; IPv6 addresses in brackets. undefined for anything else. */
export function parseDevice(text: string): { user: string; host: string; port: number } | undefined {
  const match = /^([^@\s:]+)@(?:\[([0-9a-fA-F:.]+)\]|([^@\s:[\]]+))(?::(\d{1,5}))?$/u.exec(text);
  if (match === null) return undefined;
  const port = Number(match[4] ?? 22);
  return port < 1 || port > 65_535 ? undefined : { user: match[1] ?? "", host: match[2] ?? match[3] ?? "", port };
}

/**
 * Finds what the user names: user@host[:port] is a device, a word a machine that `boot` or `demo --keep` runs, nothing the one that runs. Throws
 * UsageError when there is none or more than one, ConfigError when no key is there to log in with.
 */
export async function readTarget(ctx: Context, options: { target: string | undefined; key: string | undefined }): Promise<Target> {
  const { target, key } = options;
  const device = target === undefined ? undefined : parseDevice(target);
  if (device !== undefined) {
    return {
      name: device.host,
      ssh: { ...device, privateKeyPath: await findKey(ctx, key), hostKey: undefined },
      machine: undefined,
    };
  }
  const running = await readRunningMachines(ctx);
  const matching = target === undefined ? running : running.filter((record) => record.name === target);
  const [record, second] = matching;
  if (record === undefined) {
    const others = running.map((entry) => entry.name).join(", ");
    throw new UsageError(
      `no machine${target === undefined ? "" : ` ${target}`} is running here${others === "" ? "" : ` (there is ${others})`}`,
      {
        hint: "./meta-k3s demo --keep starts one; a device is named user@host[:port]",
      },
    );
  }
  if (second !== undefined && target === undefined) {
    throw new UsageError(`more than one machine is running: ${matching.map((entry) => entry.name).join(", ")}`, {
      hint: "name one of them",
    });
  }
  return { name: record.name, ssh: { ...record.ssh, hostKey: record.ssh.hostKey ?? undefined }, machine: record };
}
