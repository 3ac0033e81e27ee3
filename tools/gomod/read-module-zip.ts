import { createHash, hash } from "node:crypto";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { callbackify } from "node:util";
import { inflateRawSync } from "node:zlib";
import { fromRandomAccessReader, RandomAccessReader } from "yauzl";
import type { Entry, ZipFile } from "yauzl";
import { Readable } from "node:stream";
import { IntegrityError } from "../core/errors.ts";
import { judgeZipEntries, ZIP_LIMITS } from "./judge-zip-entries.ts";
import { compareText, formatModule } from "./parse-module.ts";
import type { ModuleVersion } from "./parse-module.ts";
import { selectLicenseCandidates } from "./select-license-files.ts";

const WINDOW_BYTES = 256 * 1024;
/** Entries up to this size are inflated in one piece; larger ones stream. */
const WHOLE_ENTRY_BYTES = 1024 * 1024;
const METHOD_STORED = 0;
const METHOD_DEFLATED = 8;

/** A licence file as it is in the zip. */
export interface LicenseText {
  /** Relative to the module's root. */
  readonly file: string;
  readonly content: Uint8Array;
}

/** What a module's zip holds, as far as a recipe needs to know. */
export interface ModuleZip {
  /** Go's directory hash, as in go.sum: "h1:" and base64. */
  readonly zipHash: string;
  /** The same hash of the go.mod file alone (of the one the go command makes up when the module has none). */
  readonly goModHash: string;
  readonly files: number;
  readonly unpackedBytes: number;
  readonly licenses: readonly LicenseText[];
}

/** Reads the zip through one moving window: yauzl asks for 46 bytes at a time, and a module may have 20,000 entries. */
class WindowReader extends RandomAccessReader {
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  #window = Buffer.alloc(0);
  #windowStart = 0;

  constructor(file: FileHandle, sizeBytes: number) {
    super();
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  async readRange(start: number, length: number): Promise<Buffer> {
    if (start < 0 || start + length > this.#sizeBytes) throw new Error("the zip file ends before its content does");
    if (start < this.#windowStart || start + length > this.#windowStart + this.#window.length) {
      const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.#sizeBytes - start);
      const buffer = Buffer.allocUnsafe(wanted);
      const { bytesRead } = await this.#file.read(buffer, 0, wanted, start);
      if (bytesRead < length) throw new Error("the zip file ends before its content does");
      this.#window = buffer.subarray(0, bytesRead);
      this.#windowStart = start;
    }
    const from = start - this.#windowStart;
    return this.#window.subarray(from, from + length);
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null) => void): void {
    const copy = async (): Promise<void> => {
      (await this.readRange(position, length)).copy(buffer, offset);
    };
    callbackify(copy)((error: Error | null) => {
      callback(error);
    });
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#readChunks(start, end), { objectMode: false });
  }

  async *#readChunks(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; at += WINDOW_BYTES)
      yield Buffer.from(await this.readRange(at, Math.min(WINDOW_BYTES, end - at)));
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

function openZip(reader: WindowReader, sizeBytes: number): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    fromRandomAccessReader(reader, sizeBytes, { lazyEntries: true, autoClose: false, decodeStrings: false }, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(error);
    });
  });
}

interface NamedEntry {
  readonly entry: Entry;
  readonly name: string;
}

async function readEntries(zip: ZipFile): Promise<readonly NamedEntry[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const entries: NamedEntry[] = [];
  for await (const entry of zip.eachEntry()) {
    if (entry.isEncrypted()) throw new Error("an entry is encrypted");
    entries.push({ entry, name: decoder.decode(entry.fileNameRaw) });
  }
  return entries;
}

/** A module without a go.mod file has this one, for the go command and for BitBake alike (bitbake, lib/bb/fetch2/gomod.py). */
function makeUpGoMod(module: ModuleVersion): Uint8Array {
  return Buffer.from(`module ${module.path}\n`);
}

/** Go's Hash1 (golang.org/x/mod/sumdb/dirhash): sha256 over the lines "sha256  name" in byte order of the names. */
function formatHash1(lines: readonly { name: string; sha256: string }[]): string {
  const total = createHash("sha256");
  for (const { name, sha256 } of [...lines].sort((a, b) => compareText(a.name, b.name))) total.update(`${sha256}  ${name}\n`);
  return `h1:${total.digest("base64")}`;
}

/** The h1 hash that go.sum has for a go.mod file. */
export function hashGoMod(content: Uint8Array): string {
  return formatHash1([{ name: "go.mod", sha256: hash("sha256", content, "hex") }]);
}

/**
 * Reads a module's zip from front to back in bounded memory: checks it by the rules of golang.org/x/mod/zip and computes its h1 hash.
 * Nothing is unpacked to disk. Throws IntegrityError when the file is no zip, breaks a rule or an entry cannot be decoded.
 */
export async function readModuleZip(path: string, module: ModuleVersion): Promise<ModuleZip> {
  const file = await open(path, "r");
  try {
    return await readOpenZip(file, module);
  } catch (error) {
    if (error instanceof IntegrityError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new IntegrityError(`${formatModule(module)}: the zip cannot be read: ${reason}`, { cause: error });
  } finally {
    await file.close();
  }
}

/** The names of the files in a zip that was verified before, relative to the module's root. */
export async function readModuleFileNames(path: string, module: ModuleVersion): Promise<readonly string[]> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const zip = await openZip(new WindowReader(file, size), size);
    return (await readEntries(zip)).map(({ name }) => name.slice(formatModule(module).length + 1));
  } finally {
    await file.close();
  }
}

async function readOpenZip(file: FileHandle, module: ModuleVersion): Promise<ModuleZip> {
  const { size } = await file.stat();
  if (size > ZIP_LIMITS.totalBytes) throw new Error(`it is ${size} bytes; a module's zip has at most ${ZIP_LIMITS.totalBytes}`);
  const reader = new WindowReader(file, size);
  const zip = await openZip(reader, size);
  const entries = await readEntries(zip);
  const problems = judgeZipEntries(
    module,
    entries.map(({ entry, name }) => ({ name, uncompressedBytes: entry.uncompressedSize })),
  );
  if (problems.length > 0) {
    const more = problems.length > 3 ? ` (and ${problems.length - 3} more)` : "";
    throw new IntegrityError(`${formatModule(module)}: not a module's zip: ${problems.slice(0, 3).join("; ")}${more}`, {
      hint: "the proxy served something that the go command refuses too",
    });
  }

  const prefixLength = formatModule(module).length + 1;
  const relative = entries.map(({ name }) => name.slice(prefixLength));
  const wanted = new Set(selectLicenseCandidates(relative.filter((name) => name !== "" && !name.endsWith("/"))));
  const lines: { name: string; sha256: string }[] = [];
  const licenses: LicenseText[] = [];
  let goMod: Uint8Array | undefined;
  let unpackedBytes = 0;
  // In the order of the file, so that the window moves forward only.
  const inOrder = entries.map((item, index) => ({ ...item, file: relative[index] ?? "" }));
  inOrder.sort((a, b) => a.entry.relativeOffsetOfLocalHeader - b.entry.relativeOffsetOfLocalHeader);
  for (const { entry, name, file: inModule } of inOrder) {
    const keep = inModule === "go.mod" || wanted.has(inModule);
    const { sha256, content } = await readEntry(zip, reader, entry, keep);
    lines.push({ name, sha256 });
    unpackedBytes += entry.uncompressedSize;
    if (content !== undefined && inModule === "go.mod") goMod = content;
    else if (content !== undefined && keep) licenses.push({ file: inModule, content });
  }
  licenses.sort((a, b) => compareText(a.file, b.file));
  return {
    zipHash: formatHash1(lines),
    goModHash: hashGoMod(goMod ?? makeUpGoMod(module)),
    files: entries.length,
    unpackedBytes,
    licenses,
  };
}

async function readEntry(
  zip: ZipFile,
  reader: WindowReader,
  entry: Entry,
  keep: boolean,
): Promise<{ sha256: string; content: Uint8Array | undefined }> {
  const isWhole = entry.uncompressedSize <= WHOLE_ENTRY_BYTES && entry.compressedSize <= WHOLE_ENTRY_BYTES;
  if (isWhole || keep) {
    const content = isWhole ? await readWhole(reader, entry) : await collect(await zip.openReadStreamPromise(entry));
    return { sha256: hash("sha256", content, "hex"), content: keep ? content : undefined };
  }
  // yauzl ends the stream with an error as soon as there is more than the directory says, so a bomb does not unfold.
  const digest = createHash("sha256");
  await pipeline(await zip.openReadStreamPromise(entry), digest);
  return { sha256: digest.digest("hex"), content: undefined };
}

async function collect(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function readWhole(reader: WindowReader, entry: Entry): Promise<Uint8Array> {
  const header = await reader.readRange(entry.relativeOffsetOfLocalHeader, 30);
  if (header.readUInt32LE(0) !== 0x04034b50)
    throw new Error(`no local header where the directory says for entry ${entry.fileNameRaw.toString()}`);
  const start = entry.relativeOffsetOfLocalHeader + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const raw = await reader.readRange(start, entry.compressedSize);
  if (entry.compressionMethod === METHOD_STORED && entry.compressedSize === entry.uncompressedSize) return Buffer.from(raw);
  if (entry.compressionMethod !== METHOD_DEFLATED) throw new Error(`unknown compression method ${entry.compressionMethod}`);
  // One byte more than announced is enough to tell a lie without unfolding it.
  const content = inflateRawSync(raw, { maxOutputLength: Math.max(entry.uncompressedSize, 1) });
  if (content.length !== entry.uncompressedSize) {
    throw new Error(
      `entry ${entry.fileNameRaw.toString()} has ${content.length} bytes where the directory says ${entry.uncompressedSize}`,
    );
  }
  return content;
}
