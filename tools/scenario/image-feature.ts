/** What an image may have beyond an ordinary one, so that only who asks for it pays for it. */
export const IMAGE_FEATURES = [
  /** PostgreSQL, etcd and openssl, of which nothing starts by itself. */
  "datastores",
  /** What that snapshotter of k3s's runs: fuse-overlayfs and mount.fuse3. */
  "fuse-overlayfs",
  /** The module for its own kernel, and the commands zpool and zfs. */
  "zfs",
] as const;
export type ImageFeature = (typeof IMAGE_FEATURES)[number];
