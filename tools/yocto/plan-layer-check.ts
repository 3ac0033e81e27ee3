import { MACHINES, PROVIDERS, SNAPSHOTTERS } from "./build-choice.ts";
import type { MachineName } from "./build-choice.ts";
import type { ExpectedValue } from "./judge-values.ts";

/** One run of a tool against the layer. */
export interface LayerCheckStep {
  readonly name: string;
  readonly tool: "bitbake" | "yocto-check-layer";
  readonly machine: MachineName;
  readonly arguments: readonly string[];
  /** Further lines of configuration, for this step only (bitbake -R). Steps with the same ones share one parse. */
  readonly configuration: readonly string[];
  /** What `bitbake -e` must print. */
  readonly expected?: readonly ExpectedValue[];
  /** The words of a refusal with which the layer is right to end the step. */
  readonly mayRefuse?: RegExp;
}

const IMAGES = ["core-image-k3s", "core-image-k3s-agent"] as const;

/**
 * What images with k3s need of meta-openembedded. Where only the images are looked at, the other 2,000 recipes are not parsed, which takes two thirds of
 * the time. A folder that is missing here is told by BitBake: nothing provides what is in it.
 */
const NEEDED_OF_META_OPENEMBEDDED = [
  ...["conntrack-tools", "ipset", "libnetfilter", "libnfnetlink"].map((name) => `meta-networking/recipes-filter/${name}/`),
  "meta-filesystems/recipes-filesystems/zfs/",
];

/** For the images, and not for signatures, of which its tests would want more. */
const FUSE = ["meta-oe/recipes-support/fuse/", "meta-oe/recipes-support/python3-looseversion/"];

/** A host that is busy would be given one task at a time, and the tasks of a check are nothing. */
const WITHOUT_PRESSURE = ["CPU", "IO", "MEMORY"].map((kind) => `BB_PRESSURE_MAX_${kind} = ""`);

/** Snapshotters that keep their layers on a partition of their own, as the layer's fragments for them have it. */
const ON_PARTITION: ReadonlySet<string> = new Set(["btrfs", "zfs"]);

/** Each value is set in so many words: the check's own folder may be set up with others. */
function planConfiguration(choice: { provider?: string; snapshotter?: string }): readonly string[] {
  const snapshotter = choice.snapshotter ?? SNAPSHOTTERS[0];
  return [
    `K3S_PROVIDER = "${choice.provider ?? PROVIDERS[0]}"`,
    `K3S_SNAPSHOTTER = "${snapshotter}"`,
    `K3S_DATA_PARTITION = "${ON_PARTITION.has(snapshotter) ? "/dev/disk/by-partlabel/k3s-data" : ""}"`,
    ...WITHOUT_PRESSURE,
  ];
}

function planMask(folders: readonly string[]): string {
  return `BBMASK += "/meta-openembedded/(?!${folders.join("|")})"`;
}

function planImages(choice: { provider?: string; snapshotter?: string }): readonly string[] {
  return [...planConfiguration(choice), planMask([...NEEDED_OF_META_OPENEMBEDDED, ...FUSE])];
}

/**
 * openembedded-core's own compatibility check, which begins in a folder without the layer and adds it: the signatures that it compares are those of all
 * of openembedded-core, and of meta-openembedded those of what the layer uses.
 */
export function planCompatibility(folders: { workFolder: string; layerFolder: string }): LayerCheckStep {
  const at = (name: string): string => `${folders.workFolder}/sources/meta-openembedded/${name}`;
  const dependencies = ["meta-oe", "meta-python", "meta-networking"].map(at);
  // Among the layers, so that what is in dynamic-layers is looked at too.
  const additional = ["--additional-layers", at("meta-filesystems")];
  return {
    name: "yocto-check-layer",
    tool: "yocto-check-layer",
    machine: "qemux86-64",
    arguments: ["--no-auto-dependency", "--dependency", ...dependencies, ...additional, "--", folders.layerFolder],
    configuration: [...WITHOUT_PRESSURE, planMask(NEEDED_OF_META_OPENEMBEDDED)],
  };
}

/**
 * Both images of one machine with each provider and each snapshotter. The whole graph of tasks is made, and of it the fetches are walked through: a full
 * walk starts a process for each of 7,000 tasks, to do nothing in it.
 */
function planMatrix(machine: MachineName): readonly LayerCheckStep[] {
  const disk: LayerCheckStep = {
    name: `disk of core-image-k3s for ${machine} with a data partition`,
    tool: "bitbake",
    machine,
    arguments: ["--environment", "core-image-k3s"],
    configuration: planImages({ snapshotter: "btrfs" }),
    expected: [
      { variable: "WKS_FILE", pattern: /^qemu-k3s-data\.wks\.in$/u, why: "the layout has the partition" },
      { variable: "IMAGE_FSTYPES", pattern: /^(?=.*\bext4\b).*\bwic(?:\s|$)/su, why: "runqemu starts the whole disk" },
      { variable: "QB_DEFAULT_FSTYPE", pattern: /^wic$/u, why: "runqemu starts the whole disk" },
      { variable: "QB_KERNEL_ROOT", pattern: /^\/dev\/vda1$/u, why: "the root filesystem is the first partition" },
    ],
  };
  return [
    planDryRun(machine, {}),
    ...PROVIDERS.slice(1).map((provider) => planDryRun(machine, { provider })),
    ...SNAPSHOTTERS.slice(1).map((snapshotter) => planDryRun(machine, { snapshotter })),
    disk,
  ];
}

function planDryRun(machine: MachineName, choice: { provider?: string; snapshotter?: string }): LayerCheckStep {
  return {
    name: ["dry run of both images for", machine, ...Object.values(choice)].join(" "),
    tool: "bitbake",
    machine,
    arguments: ["--dry-run", "--runonly=fetch", ...IMAGES],
    configuration: planImages(choice),
    // Upstream's checksums are known for the architectures that somebody has published them of.
    ...(choice.provider === "k3s-bin"
      ? { mayRefuse: /k3s-bin (?:RPROVIDES \S+ but )?was skipped: (the checksum of .* is not recorded\. Run .*)/u }
      : {}),
  };
}

function planFullDryRun(machine: MachineName): LayerCheckStep {
  const { configuration } = planDryRun(machine, {});
  const name = `dry run of every task of both images for ${machine}`;
  return { name, tool: "bitbake", machine, arguments: ["--dry-run", ...IMAGES], configuration };
}

function planValues(machine: MachineName): readonly LayerCheckStep[] {
  const values = (recipe: string, expected: readonly ExpectedValue[]): LayerCheckStep => ({
    name: `values of ${recipe}`,
    tool: "bitbake",
    machine,
    arguments: ["--environment", recipe],
    configuration: planConfiguration({}),
    expected,
  });
  return [
    values("core-image-k3s", [
      { variable: "QB_MEM", pattern: /-m (?:2048|[3-9]\d{3})$/u, why: "QEMU's own 256 MiB are not enough for k3s" },
      {
        variable: "IMAGE_FSTYPES",
        pattern: /\bext4\b.*wic\.qcow2|wic\.qcow2.*\bext4\b/u,
        why: "runqemu boots the one, people flash the other",
      },
      {
        variable: "IMAGE_FEATURES",
        pattern: /^(?!.*empty-root-password).*ssh-server/su,
        why: "reached over SSH, and by nobody without a key",
      },
      { variable: "IMAGE_INSTALL", pattern: /packagegroup-k3s-server/u, why: "the image is a server" },
    ]),
    values("k3s", [
      { variable: "SRCREV_k3s", pattern: /^[0-9a-f]{40}$/u, why: "the source is pinned by its commit" },
      { variable: "GOTOOLCHAIN", pattern: /^local$/u, why: "no other Go compiler is fetched" },
      { variable: "GOPROXY", pattern: /^off$/u, why: "the compiler asks no network" },
    ]),
    values("virtual/kernel", [
      { variable: "KERNEL_FEATURES", pattern: /cgroups\.scc.*netfilter\.scc/su, why: "the kernel has the layer's fragments" },
      {
        variable: "KERNEL_FEATURES",
        pattern: /qemu\/(?:fw-cfg|hand-over-disk)\.scc/u,
        why: "a run can hand the image its keys",
      },
    ]),
  ];
}

/**
 * What `layer check` runs, in order: parse of everything, values that must come out, dry runs of both images with each provider and snapshotter for each
 * machine. `quick` leaves it at the parse, the values and one dry run.
 */
export function planLayerCheck(options: { machines: readonly MachineName[]; quick: boolean }): readonly LayerCheckStep[] {
  const machines = options.machines.length === 0 ? MACHINES : options.machines;
  const [first = "qemux86-64"] = machines;
  const parse: LayerCheckStep = {
    name: `parse for ${first}`,
    tool: "bitbake",
    machine: first,
    arguments: ["--parse-only"],
    configuration: planConfiguration({}),
  };
  const steps = [parse, ...planValues(first)];
  if (options.quick) return [...steps, planDryRun(first, {})];
  return [...steps, ...machines.flatMap((machine) => planMatrix(machine)), planFullDryRun(first)];
}
