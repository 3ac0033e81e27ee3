import { ConfigError } from "../core/errors.ts";
import type { KernelNeed, NeedConditions } from "./kernel-need.ts";

const SETTING = /^CONFIG_([A-Z0-9_a-z]+)=([ym])$/;
const UNSET = /^# CONFIG_([A-Z0-9_a-z]+) is not set$/;
const LIST_CONDITIONS = ["snapshotter", "flannel", "iptables", "arch"] as const;

interface Directive {
  readonly level: KernelNeed["level"];
  readonly exact: boolean;
  readonly modules: readonly string[];
  readonly conditions: NeedConditions;
}

function isListCondition(word: string): word is (typeof LIST_CONDITIONS)[number] {
  return LIST_CONDITIONS.some((known) => known === word);
}

function parseVersion(text: string): readonly [number, number] | undefined {
  const match = /^(\d+)\.(\d+)$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** Parses what follows "# k3s:"; gives a string that says what is wrong instead. */
function parseDirective(text: string): Directive | string {
  const [level, ...words] = text.trim().split(/\s+/);
  if (level !== "required" && level !== "recommended") return `"${level}" is neither required nor recommended`;
  let exact = false;
  let modules: readonly string[] = [];
  const conditions: { -readonly [K in keyof NeedConditions]: NeedConditions[K] } = {};
  for (const word of words) {
    const [key = "", value = ""] = word.split("=", 2);
    if (word === "exact") exact = true;
    else if (key === "module" && value !== "") modules = value.split(",");
    else if (key === "since" || key === "until") {
      const version = parseVersion(value);
      if (version === undefined) return `"${word}" does not give a version such as 6.17`;
      conditions[key] = version;
    } else if (isListCondition(key) && value !== "") conditions[key] = value.split(",");
    else return `"${word}" is not part of the grammar`;
  }
  return { level, exact, modules, conditions };
}

function parseStanza(lines: readonly string[], fragment: string): KernelNeed | string {
  const directives = lines.filter((line) => line.startsWith("# k3s:"));
  const settings = lines.filter((line) => SETTING.test(line) || UNSET.test(line));
  const reason = lines
    .filter((line) => line.startsWith("# ") && !line.startsWith("# k3s:") && !UNSET.test(line))
    .map((line) => line.slice(2))
    .join(" ");
  if (settings.length !== 1) return "a stanza sets exactly one symbol";
  if (directives.length !== 1) return "a stanza has exactly one line that begins with # k3s:";
  if (reason === "") return "a stanza says why the symbol is needed";
  if (lines.length !== lines.filter((line) => line.startsWith("#") || SETTING.test(line)).length)
    return "a line is neither comment nor CONFIG_X=y|m";
  const directive = parseDirective((directives[0] ?? "").slice("# k3s:".length));
  if (typeof directive === "string") return directive;
  const [setting = ""] = settings;
  const set = SETTING.exec(setting);
  const value = set === null ? "n" : (set[2] as "y" | "m");
  if (directive.exact && value !== "m") return "exact goes with =m only";
  const symbol = `CONFIG_${set?.[1] ?? UNSET.exec(setting)?.[1]}`;
  return { symbol, value, reason, fragment, ...directive };
}

/**
 * Parses one kernel fragment by the grammar of recipes-kernel/linux/k3s/README.md. `fragment` is its file name. Throws ConfigError that lists every
 * stanza that does not follow the grammar, with its line.
 */
export function parseFragment(text: string, fragment: string): readonly KernelNeed[] {
  const needs: KernelNeed[] = [];
  const problems: string[] = [];
  let line = 1;
  for (const block of text.split(/\n\n/)) {
    const lines = block.split("\n").filter((entry) => entry !== "");
    const onlyComment = lines.every((entry) => entry.startsWith("#") && !entry.startsWith("# k3s:") && !UNSET.test(entry));
    if (lines.length > 0 && !onlyComment) {
      const need = parseStanza(lines, fragment);
      if (typeof need === "string") problems.push(`line ${line}: ${need}`);
      else needs.push(need);
    }
    line += block.split("\n").length + 1;
  }
  if (problems.length > 0) {
    throw new ConfigError(`${fragment} does not follow the grammar of kernel fragments`, {
      problems,
      hint: "see recipes-kernel/linux/k3s/README.md",
    });
  }
  return needs;
}
