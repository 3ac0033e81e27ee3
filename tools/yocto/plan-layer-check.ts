import { MACHINES } from "./build-choice.ts";
import type { MachineName } from "./build-choice.ts";

/** One thing that is run against the layer. */
export interface LayerCheckStep {
  readonly name: string;
  readonly tool: "bitbake" | "yocto-check-layer" | "bitbake-getvar";
  readonly machine: MachineName;
  readonly arguments: readonly string[];
  /** Further lines of configuration, for this step only (bitbake -R). */
  readonly configuration: readonly string[];
  /** What bitbake-getvar must print. */
  readonly expected?: RegExp;
}

const IMAGES = ["core-image-k3s", "core-image-k3s-agent"] as const;
const PROVIDERS = ["k3s", "k3s-bin"] as const;
const SNAPSHOTTERS = ["overlayfs", "btrfs", "zfs", "native", "fuse-overlayfs"] as const;

/** Each value is set in so many words: the check's own folder may be set up with others. */
function planConfiguration(choice: { provider?: string; snapshotter?: string }): readonly string[] {
  return [`K3S_PROVIDER = "${choice.provider ?? PROVIDERS[0]}"`, `K3S_SNAPSHOTTER = "${choice.snapshotter ?? SNAPSHOTTERS[0]}"`];
}

function planDryRuns(machine: MachineName): readonly LayerCheckStep[] {
  const run = (name: string, choice: { provider?: string; snapshotter?: string }): LayerCheckStep => ({
    tool: "bitbake",
    machine,
    name: `dry run of ${IMAGES.join(" and ")} for ${machine}${name}`,
    arguments: ["--dry-run", ...IMAGES],
    configuration: planConfiguration(choice),
  });
  return [
    run("", {}),
    ...PROVIDERS.slice(1).map((provider) => run(`, provider ${provider}`, { provider })),
    ...SNAPSHOTTERS.slice(1).map((snapshotter) => run(`, snapshotter ${snapshotter}`, { snapshotter })),
  ];
}

/**
 * What `layer check` runs, in order: parse, values that must come out, dry runs of both images with each provider and snapshotter. `quick` leaves it at
 * the parse, the values and one dry run.
 */
export function planLayerCheck(options: { machines: readonly MachineName[]; quick: boolean }): readonly LayerCheckStep[] {
  const machines = options.machines.length === 0 ? MACHINES : options.machines;
  const [first = "qemux86-64"] = machines;
  const value = (recipe: string, variable: string, expected: RegExp): LayerCheckStep => ({
    name: `${variable} of ${recipe}`,
    tool: "bitbake-getvar",
    machine: first,
    arguments: ["--recipe", recipe, "--value", variable],
    configuration: [],
    expected,
  });
  const steps: LayerCheckStep[] = [
    {
      name: `parse for ${first}`,
      tool: "bitbake",
      machine: first,
      arguments: ["--parse-only"],
      configuration: planConfiguration({}),
    },
    value("core-image-k3s", "QB_MEM", /-m (?:2048|[3-9]\d{3})$/u),
    value("core-image-k3s", "IMAGE_FSTYPES", /\bext4\b.*wic\.qcow2|wic\.qcow2.*\bext4\b/u),
    value("core-image-k3s", "IMAGE_FEATURES", /^(?!.*empty-root-password).*ssh-server/su),
    value("k3s", "SRCREV", /^[0-9a-f]{40}$/u),
  ];
  if (options.quick) return [...steps, ...planDryRuns(first).slice(0, 1)];
  return [...steps, ...machines.flatMap((machine) => planDryRuns(machine))];
}
