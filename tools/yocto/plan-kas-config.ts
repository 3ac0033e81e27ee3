import type { BuildChoice } from "./build-choice.ts";
import { selectKasFiles } from "./build-choice.ts";
import type { HostSettings } from "./plan-host-settings.ts";

/** Version of kas's configuration format that the files of setup/kas are written in. */
const KAS_FORMAT = 19;

export interface KasConfigOptions {
  readonly choice: BuildChoice;
  /** Absolute path of this repository, which is the layer. */
  readonly layerFolder: string;
  readonly host: HostSettings;
  /** No host of the network is asked for anything. */
  readonly offline: boolean;
  /** Whether the release's sstate mirror and hash server are used. */
  readonly sstateMirror: boolean;
  /** Repositories taken from local clones: they have the pinned commit, but perhaps not the branch. */
  readonly localRepositories: readonly string[];
  /** Folder of a locale archive made without root (LOCPATH), where the host has no en_US.UTF-8. */
  readonly localeFolder: string | undefined;
  /** "absent": neither the layer nor those it needs are among BBLAYERS or asked for, as yocto-check-layer wants to begin. */
  readonly layer?: "present" | "absent";
}

function formatHostSettings(host: HostSettings): string {
  const pressure = Object.entries({ CPU: host.pressureMaxCpu, IO: host.pressureMaxIo, MEMORY: host.pressureMaxMemory });
  return [
    `BB_NUMBER_THREADS ?= "${host.threads}"`,
    `BB_NUMBER_PARSE_THREADS ?= "${host.threads}"`,
    `PARALLEL_MAKE ?= "-j ${host.makeJobs}"`,
    ...pressure.filter(([, limit]) => limit !== undefined).map(([kind, limit]) => `BB_PRESSURE_MAX_${kind} ?= "${limit}"`),
    'BB_DISKMON_DIRS ??= "STOPTASKS,${TMPDIR},2G,100K STOPTASKS,${DL_DIR},1G,100K STOPTASKS,${SSTATE_DIR},1G,100K HALT,${TMPDIR},500M,1K"',
    ...(host.removeWork ? ['INHERIT += "rm_work"'] : []),
    "",
  ].join("\n");
}

function formatNetworkSettings(options: KasConfigOptions): string {
  if (options.offline) return 'BB_NO_NETWORK = "1"\nCONNECTIVITY_CHECK_URIS = ""\n';
  return options.sstateMirror ? 'OE_FRAGMENTS += "core/yocto/sstate-mirror-cdn"\n' : "";
}

/** Repositories of which no layer is used. */
function planAbsentLayers(): Readonly<Record<string, unknown>> {
  const names = ["meta-oe", "meta-python", "meta-networking", "meta-filesystems"];
  return { "meta-openembedded": { layers: Object.fromEntries(names.map((name) => [name, "disabled"])) } };
}

/**
 * The kas file of one build folder: the pinned files of setup/kas that make up the choice, and what is true of this host only. An object, to be
 * written as YAML. Keys: kas's project configuration format (schema-kas.json of kas 5).
 */
export function planKasConfig(options: KasConfigOptions): Readonly<Record<string, unknown>> {
  const branches = options.localRepositories.map((name) => [name, { branch: null }]);
  const absent = options.layer === "absent";
  return {
    header: {
      version: KAS_FORMAT,
      includes: selectKasFiles(options.choice).map((file) => ({ repo: "meta-k3s", file })),
    },
    target: options.choice.image,
    repos: {
      "meta-k3s": { path: options.layerFolder, ...(absent ? { layers: { "": "disabled" } } : {}) },
      ...(absent ? planAbsentLayers() : {}),
    },
    ...(branches.length === 0 ? {} : { overrides: { repos: Object.fromEntries(branches) } }),
    ...(options.localeFolder === undefined ? {} : { env: { LOCPATH: options.localeFolder } }),
    local_conf_header: {
      ...(absent ? { k3s: "" } : {}),
      "zz-host": formatHostSettings(options.host),
      "zz-network": formatNetworkSettings(options),
    },
  };
}
