import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import type { Pack } from "tar-stream";
import { readFileDigest } from "./read-digests.ts";
import { renderOciLayout } from "./render-oci-layout.ts";
import type { ImageDescription } from "./render-oci-layout.ts";

/** One entry of an image's only layer; folders above it are made as needed, root's and 0755. */
export type LayerEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly source: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "directory"; readonly path: string; readonly mode: number; readonly uid: number };

type EntryHeader = Parameters<Pack["entry"]>[0];

const EPOCH = new Date(0);

async function addContent(tar: Pack, header: EntryHeader, content: Uint8Array | string): Promise<void> {
  const full = { ...header, mtime: EPOCH, uid: header.uid ?? 0, gid: header.gid ?? 0, size: content.length };
  await new Promise<void>((resolve, reject) => {
    tar.entry(full, Buffer.from(content), (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

async function addFile(tar: Pack, header: EntryHeader, source: string): Promise<void> {
  const { size } = await stat(source);
  const entry = tar.entry({ ...header, mtime: EPOCH, uid: 0, gid: 0, size });
  await pipeline(createReadStream(source, { highWaterMark: 1 << 20 }), entry);
}

function addParents(entries: readonly LayerEntry[]): readonly LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const steps = entry.path.split("/").filter(Boolean);
    for (let depth = 1; depth < steps.length; depth += 1) {
      const path = `/${steps.slice(0, depth).join("/")}`;
      if (!byPath.has(path)) byPath.set(path, { kind: "directory", path, mode: 0o755, uid: 0 });
    }
  }
  for (const entry of entries) byPath.set(entry.path, entry);
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function writeTar(path: string, fill: (tar: Pack) => Promise<void>): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(path));
  try {
    await fill(tar);
    tar.finalize();
  } catch (error) {
    tar.destroy();
    await written.catch(() => undefined);
    throw error;
  }
  await written;
}

async function writeLayer(path: string, entries: readonly LayerEntry[]): Promise<void> {
  await writeTar(path, async (tar) => {
    for (const entry of addParents(entries)) {
      const name = entry.path.slice(1);
      if (entry.kind === "file") await addFile(tar, { name, mode: entry.mode }, entry.source);
      else if (entry.kind === "link") await addContent(tar, { name, type: "symlink", linkname: entry.target, mode: 0o777 }, "");
      else await addContent(tar, { name: `${name}/`, type: "directory", mode: entry.mode, uid: entry.uid, gid: entry.uid }, "");
    }
  });
}

/**
 * Writes a container image as an OCI archive (a tar of an OCI layout), the same bytes for the same input on any host and at any time. Needs as
 * much space again beside `path` while it works. Errors are those of node:fs.
 */
export async function writeOciArchive(
  path: string,
  image: Omit<ImageDescription, "layer">,
  entries: readonly LayerEntry[],
): Promise<void> {
  const layerPath = `${path}.layer`;
  const partial = `${path}.part`;
  try {
    await writeLayer(layerPath, entries);
    const layer = { digest: await readFileDigest(layerPath), size: (await stat(layerPath)).size };
    const { config, manifest, index, marker } = renderOciLayout({ ...image, layer });
    const blobs = [config, manifest].map((blob) => ({ digest: blob.digest, content: blob.content as Uint8Array | undefined }));
    blobs.push({ digest: layer.digest, content: undefined });
    blobs.sort((a, b) => (a.digest < b.digest ? -1 : 1));
    await writeTar(partial, async (tar) => {
      await addContent(tar, { name: "blobs/", type: "directory", mode: 0o755 }, "");
      await addContent(tar, { name: "blobs/sha256/", type: "directory", mode: 0o755 }, "");
      for (const { digest, content } of blobs) {
        const header = { name: `blobs/sha256/${digest}`, mode: 0o644 };
        if (content === undefined) await addFile(tar, header, layerPath);
        else await addContent(tar, header, content);
      }
      await addContent(tar, { name: "index.json", mode: 0o644 }, index);
      await addContent(tar, { name: "oci-layout", mode: 0o644 }, marker);
    });
    await rename(partial, path);
  } finally {
    await rm(layerPath, { force: true });
    await rm(partial, { force: true });
  }
}
