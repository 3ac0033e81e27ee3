import { access, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import type { Context } from "../core/context.ts";
import { CommandError, PreflightError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/write-file.ts";
import { cacheFolderOf } from "../host/read-host-state.ts";
import type { BuildChoice, SetupRecord } from "./build-choice.ts";
import type { BuildFolders } from "./build-folders.ts";
import type { BuildHostState } from "./build-host-state.ts";
import { fetchKas } from "./fetch-kas.ts";
import { checkSources, fetchSources, GIVE_SOURCES } from "./fetch-sources.ts";
import { judgeBuildHost } from "./judge-build-host.ts";
import { planHostSettings } from "./plan-host-settings.ts";
import type { HostSettings } from "./plan-host-settings.ts";
import { planKasConfig } from "./plan-kas-config.ts";
import type { NeededHost } from "./read-build-host.ts";
import { readBuildHost } from "./read-build-host.ts";
import { readPins } from "./read-pins.ts";
import { readReachability } from "./read-reachability.ts";
import { runKas } from "./run-kas.ts";
import { runKeepingFiles } from "./run-keeping-files.ts";

/** The mirror and the hash server of fragment core/yocto/sstate-mirror-cdn (openembedded-core). */
const SSTATE_HOSTS = ["http://sstate.yoctoproject.org", "https://hashserv.yoctoproject.org"];

/** Hosts that a build asks where nothing is at hand yet. */
export const BUILD_HOSTS: readonly NeededHost[] = [
  {
    url: "https://git.openembedded.org",
    needed: true,
    why: "bitbake, openembedded-core and meta-openembedded come from there",
    without: GIVE_SOURCES,
  },
  {
    url: "https://github.com",
    needed: false,
    why: "the sources of k3s and of many recipes come from there",
    without: "a build needs those sources in the downloads folder, or from a mirror: SOURCE_MIRROR_URL in conf/auto.conf",
  },
  {
    url: "https://downloads.yoctoproject.org",
    needed: false,
    why: "it mirrors the sources of most recipes",
    without: "nothing is needed while the sources' own hosts answer",
  },
  ...SSTATE_HOSTS.map((url) => ({
    url,
    needed: false,
    why: "it has parts that are built already",
    without: "nothing is needed: everything is built here, which takes hours longer (--no-sstate-mirror says so)",
  })),
];

export interface SetupOptions {
  readonly choice: BuildChoice;
  readonly folders: BuildFolders;
  readonly layerFolder: string;
  /** Absolute folder of local clones; undefined: from their hosts. */
  readonly sources: string | undefined;
  /** Ask no host of the network for anything, now and in the build. */
  readonly offline: boolean;
  readonly sstateMirror: boolean;
  /** "absent" for yocto-check-layer, which adds the layer itself. */
  readonly layer?: "present" | "absent";
}

export interface SetupResult {
  readonly host: HostSettings;
  readonly offline: boolean;
  readonly sstateMirror: boolean;
}

/** Throws PreflightError listing what would stop BitBake later; logs what only may. */
function failOnHost(ctx: Context, state: BuildHostState): void {
  const checks = judgeBuildHost(state);
  for (const check of checks) if (check.status === "warning") ctx.log.warn(`${check.name}: ${check.found}; ${check.repair}`);
  const missing = checks.filter((check) => check.status === "missing");
  if (missing.length === 0) return;
  throw new PreflightError(`BitBake cannot work on this host (${state.distribution})`, {
    checks: missing.map(({ name, found, repair }) => ({ name, found, repair })),
    hint: "./meta-k3s doctor --build shows all checks",
  });
}

/** A locale archive of our own where the host has none: BitBake runs in en_US.UTF-8 and stops without it. */
async function makeLocale(ctx: Context): Promise<string> {
  const folder = join(cacheFolderOf(ctx.env), "locale");
  const done = await access(join(folder, "en_US.UTF-8/LC_CTYPE")).then(
    () => true,
    () => false,
  );
  if (done) return folder;
  await mkdir(folder, { recursive: true });
  await ctx.exec.runCheck(["localedef", "-i", "en_US", "-f", "UTF-8", join(folder, "en_US.UTF-8")]);
  return folder;
}

async function isMirrorUsable(ctx: Context): Promise<string | undefined> {
  const module = await ctx.exec.run(["/usr/bin/python3", "-c", "import websockets"]);
  if (module.status !== 0) return "python3-websockets is not installed, which BitBake needs to ask the release's hash server";
  const problems = await Promise.all(SSTATE_HOSTS.map((url) => readReachability(ctx, url)));
  const index = problems.findIndex((problem) => problem !== undefined);
  return index < 0 ? undefined : `${new URL(SSTATE_HOSTS[index] ?? "").hostname} cannot be reached (${problems[index]})`;
}

/** Environment in which kas finds its folders. */
export function planKasEnv(folders: BuildFolders): Readonly<Record<string, string>> {
  return {
    KAS_WORK_DIR: folders.workFolder,
    KAS_BUILD_DIR: folders.buildFolder,
    SHELL: "/bin/sh",
    GIT_TERMINAL_PROMPT: "0",
  };
}

async function runKasCheckout(ctx: Context, folders: BuildFolders, layerFolder: string, offline: boolean): Promise<void> {
  const kas = await fetchKas(ctx, layerFolder, { offline });
  const written = ["local.conf", "bblayers.conf"].map((name) => join(folders.buildFolder, "conf", name));
  const result = await runKeepingFiles(written, async () =>
    runKas(ctx, [...kas, "checkout", folders.kasFile], { env: planKasEnv(folders), onLine: (line) => ctx.log.debug(line) }),
  );
  if (result.status === 0) return;
  const reason = result.stderr.split("\n").findLast((line) => line.includes(" - ERROR ")) ?? "";
  throw new CommandError(`kas could not set up ${folders.buildFolder}: ${reason.replace(/^.* - ERROR +- /, "")}`, {
    argv: result.argv,
    status: result.status,
    signalName: result.signalName,
    outputTail: result.stderr.trim().split("\n").slice(-15).join("\n"),
  });
}

/**
 * Makes one machine's build folder: checks the host, installs kas, gets the pinned sources, writes the configuration and lets kas lay out
 * BitBake's folder. Running it again changes only what is to be changed. Throws PreflightError, DownloadError, ConfigError or CommandError.
 */
export async function runSetup(ctx: Context, options: SetupOptions): Promise<SetupResult> {
  const { folders, layerFolder } = options;
  const state = await readBuildHost(ctx, folders.workFolder, []);
  failOnHost(ctx, state);
  const pins = await readPins(layerFolder);
  await fetchSources(ctx, pins, { workFolder: folders.workFolder, sources: options.sources });
  const noMirror = options.offline || !options.sstateMirror ? "it is off" : await isMirrorUsable(ctx);
  if (!options.offline && options.sstateMirror && noMirror !== undefined) {
    ctx.log.warn(`the sstate mirror is not used, so everything is built here: ${noMirror}`);
  }
  const host = planHostSettings({ ...state, freeDiskMib: state.work.freeMib });
  const config = planKasConfig({
    choice: options.choice,
    layerFolder,
    host,
    offline: options.offline,
    sstateMirror: noMirror === undefined,
    localRepositories: options.sources === undefined ? [] : pins.map((pin) => pin.name),
    layer: options.layer ?? "present",
    localeFolder: state.hasLocale ? undefined : await makeLocale(ctx),
  });
  await mkdir(dirname(folders.kasFile), { recursive: true });
  await writeFileAtomic(
    folders.kasFile,
    `# Written by ./meta-k3s setup; settings of your own go into conf/auto.conf.\n${stringify(config)}`,
  );
  const record: SetupRecord = {
    schemaVersion: 1,
    choice: options.choice,
    sources: options.sources ?? null,
    offline: options.offline,
    sstateMirror: options.sstateMirror,
  };
  await writeFileAtomic(folders.setupFile, `${JSON.stringify(record, null, 2)}\n`);
  await runKasCheckout(ctx, folders, layerFolder, options.offline);
  await checkSources(ctx, pins, folders.workFolder);
  return { host, offline: options.offline, sstateMirror: noMirror === undefined };
}
