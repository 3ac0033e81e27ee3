import { createHash } from "node:crypto";

/** A blob of an image: content that is named by its own sha256. */
export interface Blob {
  readonly digest: string;
  readonly content: Uint8Array;
}

export interface ImageDescription {
  /** Full name, "docker.io/rancher/mirrored-pause:3.10.2". */
  readonly reference: string;
  readonly goArch: string;
  readonly variant: string | undefined;
  readonly entrypoint: readonly string[];
  /** Default arguments, or the default command where the entry point is empty. */
  readonly command: readonly string[];
  readonly uid: number;
  readonly labels: Readonly<Record<string, string>>;
  /** sha256 of the layer's (uncompressed) tar and its size in bytes. */
  readonly layer: { readonly digest: string; readonly size: number };
}

export interface OciLayout {
  readonly config: Blob;
  readonly manifest: Blob;
  /** index.json and oci-layout, the two files beside blobs/. */
  readonly index: Uint8Array;
  readonly marker: Uint8Array;
}

function toBlob(value: unknown): Blob {
  const content = Buffer.from(JSON.stringify(value));
  return { digest: createHash("sha256").update(content).digest("hex"), content };
}

/**
 * The JSON files of a single-image OCI layout (OCI image-spec 1.1: image-layout.md, manifest.md, config.md). containerd, k3s and `ctr images
 * import` take the image's name from io.containerd.image.name; others from org.opencontainers.image.ref.name.
 */
export function renderOciLayout(image: ImageDescription): OciLayout {
  const platform = { architecture: image.goArch, os: "linux", ...(image.variant === undefined ? {} : { variant: image.variant }) };
  const config = toBlob({
    created: "1970-01-01T00:00:00Z",
    ...platform,
    config: {
      User: `${image.uid}:${image.uid}`,
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      ...(image.entrypoint.length === 0 ? {} : { Entrypoint: image.entrypoint }),
      ...(image.command.length === 0 ? {} : { Cmd: image.command }),
      Labels: image.labels,
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${image.layer.digest}`] },
    history: [{ created: "1970-01-01T00:00:00Z", created_by: "meta-k3s testbed" }],
  });
  const manifest = toBlob({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: `sha256:${config.digest}`,
      size: config.content.length,
    },
    layers: [
      { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${image.layer.digest}`, size: image.layer.size },
    ],
  });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: `sha256:${manifest.digest}`,
          size: manifest.content.length,
          platform,
          annotations: {
            "io.containerd.image.name": image.reference,
            "org.opencontainers.image.ref.name": image.reference,
          },
        },
      ],
    }),
  );
  return { config, manifest, index, marker: Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })) };
}
