import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { parentPort } from "node:worker_threads";
import { IntegrityError } from "../core/errors.ts";
import type { ZipAnswer, ZipRequest } from "./open-zip-readers.ts";
import { readModuleZip } from "./read-module-zip.ts";

// One thread of open-zip-readers.ts: hashing and inflating would otherwise hold up the downloads.

async function hashFile(path: string): Promise<string> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), digest);
  return digest.digest("hex");
}

async function answer(request: ZipRequest): Promise<ZipAnswer> {
  try {
    const zip = await readModuleZip(request.path, request.module);
    const sha256 = request.sha256 ?? (await hashFile(request.path));
    return { id: request.id, ok: true, zip, sha256 };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      id: request.id,
      ok: false,
      message,
      isIntegrity: error instanceof IntegrityError,
      stack: (error as Error).stack ?? "",
    };
  }
}

parentPort?.on("message", (request: ZipRequest) => {
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});
