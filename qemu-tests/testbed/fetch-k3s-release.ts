import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, rename, rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Context } from "../../tools/core/context.ts";
import { AbortedError, DownloadError, IntegrityError } from "../../tools/core/errors.ts";

const PROBE_MS = 1500;

/** Whether the release's server answers within a second and a half. A quick no is worth more than a certain one: there is the stand-in. */
export async function isReachable(ctx: Context, url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(PROBE_MS)]) });
    return response.ok;
  } catch {
    return false;
  }
}

/** Downloads to `path`, executable; the file appears only if its sha256 is the pinned one. Throws DownloadError, IntegrityError, AbortedError. */
export async function fetchPinned(ctx: Context, path: string, pin: { url: string; sha256: string }): Promise<void> {
  const partial = `${path}.part`;
  const hash = createHash("sha256");
  const meter = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
  try {
    const response = await fetch(pin.url, { signal: ctx.signal });
    if (!response.ok || response.body === null)
      throw new DownloadError(`${pin.url} answered ${response.status} ${response.statusText}`);
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(partial));
    const found = hash.digest("hex");
    if (found !== pin.sha256) {
      throw new IntegrityError(`${pin.url} has sha256 ${found}, pinned is ${pin.sha256}`, {
        hint: "somebody between here and there changed the file, or the pin is wrong; do not use it",
      });
    }
    await chmod(partial, 0o755);
    await rename(partial, path);
  } catch (cause) {
    if (ctx.signal.aborted) throw new AbortedError(undefined, { cause });
    if (cause instanceof DownloadError || cause instanceof IntegrityError) throw cause;
    throw new DownloadError(`cannot download ${pin.url}`, { cause, hint: "check the network, or give a binary with --k3s FILE" });
  } finally {
    await rm(partial, { force: true });
  }
}
