import { z } from "zod";

/** The machines that setup/kas knows, each a QEMU machine of openembedded-core. */
export const MACHINES = ["qemux86-64", "qemuarm64", "qemuarm"] as const;
export type MachineName = (typeof MACHINES)[number];

/** Values of K3S_PROVIDER and K3S_SNAPSHOTTER that a build can be asked for; anything else stays with local.conf. */
export const PROVIDERS = ["k3s", "k3s-bin"] as const;
export const SNAPSHOTTERS = ["overlayfs", "btrfs", "zfs", "native", "fuse-overlayfs"] as const;

/** What the user asks to be built. It is written down by `setup` and read by `build`, so that both agree. */
export const buildChoiceSchema = z.strictObject({
  machine: z.enum(MACHINES),
  image: z.string().regex(/^[a-z0-9][a-z0-9+.-]*$/, "an image is named like a recipe: core-image-k3s"),
  provider: z.enum(PROVIDERS),
  snapshotter: z.enum(SNAPSHOTTERS),
  /** Root without a password and the like, for images that are tested and thrown away. */
  development: z.boolean(),
});

export type BuildChoice = z.infer<typeof buildChoiceSchema>;

/** What `setup` was told: written beside the build, so that `build` need not be told again. */
export const setupRecordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  choice: buildChoiceSchema,
  /** Absolute folder of local clones. */
  sources: z.string().nullable(),
  offline: z.boolean(),
  sstateMirror: z.boolean(),
});

export type SetupRecord = z.infer<typeof setupRecordSchema>;

/** Files of setup/kas that make up a choice, machine first; each concern is a file of its own. */
export function selectKasFiles(choice: BuildChoice): readonly string[] {
  const files = [`setup/kas/${choice.machine}.yml`];
  if (choice.image.includes("agent")) files.push("setup/kas/agent.yml");
  if (choice.provider === "k3s-bin") files.push("setup/kas/k3s-bin.yml");
  if (choice.snapshotter !== "overlayfs") files.push(`setup/kas/${choice.snapshotter}.yml`);
  if (choice.development) files.push("setup/kas/development.yml");
  return files;
}
