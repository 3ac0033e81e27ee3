import { parse } from "yaml";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";

/** k3s's effective options: flag names without dashes, each with the values given for it. */
export type K3sOptions = ReadonlyMap<string, readonly string[]>;

/** What a guest says about how its k3s is configured. */
export interface K3sConfigFiles {
  /** config.yaml first, then config.yaml.d/*.yaml and *.yml by name. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** The unit's command line after the binary: ["server", "--disable", "traefik"]. */
  readonly args: readonly string[];
  /** Names in server/manifests, for `.skip` files. */
  readonly manifests: readonly string[];
}

const configSchema = z.record(z.string(), z.unknown()).nullable();

function toValues(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(toValues);
  if (value === null || value === undefined) return [""];
  if (typeof value === "string") return [value];
  return [JSON.stringify(value)];
}

function parseFile(file: { path: string; text: string }): Record<string, unknown> {
  try {
    return configSchema.parse(parse(file.text)) ?? {};
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw new ConfigError(`the guest's ${file.path} is not a k3s configuration: ${reason}`, {
      hint: "k3s itself cannot start with it: correct it in the image",
      cause,
    });
  }
}

/** Flags of a command line: `--name value`, `--name=value`, `--switch`. A value never begins with a dash. */
function parseArgs(args: readonly string[]): Map<string, string[]> {
  const options = new Map<string, string[]>();
  for (let index = 0; index < args.length; index += 1) {
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(args[index] ?? "");
    if (match === null) continue;
    const [, name = "", inline] = match;
    const next = args[index + 1];
    let value = inline;
    if (value === undefined && next !== undefined && !next.startsWith("-")) {
      value = next;
      index += 1;
    }
    options.set(name, [...(options.get(name) ?? []), value ?? "true"]);
  }
  return options;
}

/**
 * Merges configuration files and command line as k3s does (pkg/configfilearg/parser.go): files in order, a later file replaces a key, a key
 * that ends in `+` adds to it; the result is put in front of the command line's own arguments, so repeatable flags collect from both.
 * Throws ConfigError when a file is not YAML.
 */
export function parseK3sConfig(given: K3sConfigFiles): K3sOptions {
  const options = new Map<string, readonly string[]>();
  for (const file of given.files) {
    for (const [key, value] of Object.entries(parseFile(file))) {
      const name = key.replace(/\+$/, "");
      const before = key.endsWith("+") ? (options.get(name) ?? []) : [];
      options.set(name, [...before, ...toValues(value)]);
    }
  }
  for (const [name, values] of parseArgs(given.args)) options.set(name, [...(options.get(name) ?? []), ...values]);
  return options;
}

/** Parses what `readK3sConfig` makes the guest print: `@file PATH` and its text, `@args` and systemd's ExecStart, `@manifests` and names. */
export function parseK3sConfigDump(dump: string): K3sConfigFiles {
  const files: { path: string; text: string }[] = [];
  let args: readonly string[] = [];
  const manifests: string[] = [];
  let section = "";
  for (const line of dump.split("\n")) {
    const mark = /^@(file|args|manifests)(?: (.*))?$/.exec(line);
    if (mark !== null) {
      section = mark[1] ?? "";
      if (section === "file") files.push({ path: mark[2] ?? "", text: "" });
      continue;
    }
    const file = files.at(-1);
    if (section === "file" && file !== undefined) file.text += `${line}\n`;
    else if (section === "args" && line.startsWith("ExecStart=")) {
      // ExecStart={ path=/usr/bin/k3s ; argv[]=/usr/bin/k3s server --disable traefik ; ignore_errors=no ; … } (systemctl(1), "show")
      args = /argv\[\]=\S+ (.*?) ; /.exec(line)?.[1]?.split(/\s+/) ?? [];
    } else if (section === "manifests" && line !== "") manifests.push(line);
  }
  return { files: files.filter((file) => /(^|\/)config\.yaml$|\.ya?ml$/i.test(file.path)), args, manifests };
}

/** Whether a switch is on; the last value given counts. */
export function isSwitchedOn(options: K3sOptions, name: string): boolean {
  const value = options.get(name)?.at(-1);
  return value !== undefined && value !== "" && !/^(false|f|0)$/i.test(value);
}

/** The values of a repeatable flag; commas separate values too. */
export function selectList(options: K3sOptions, name: string): readonly string[] {
  return (options.get(name) ?? [])
    .flatMap((value) => value.split(","))
    .map((value) => value.trim())
    .filter((value) => value !== "");
}
