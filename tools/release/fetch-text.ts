import type { Context } from "../core/context.ts";
import { AbortedError, DownloadError } from "../core/errors.ts";

const MOST_BYTES = 8 * 1024 * 1024;

/** As fetchBytes, for a text in UTF-8. */
export async function fetchText(ctx: Pick<Context, "signal">, url: string): Promise<string> {
  return Buffer.from(await fetchBytes(ctx, url)).toString("utf8");
}

/** Fetches a small file. Throws DownloadError when the server cannot be reached within `timeoutMs`, refuses, or sends more than 8 MiB. */
export async function fetchBytes(ctx: Pick<Context, "signal">, url: string, timeoutMs = 15_000): Promise<Uint8Array> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(timeoutMs)]),
      headers: { "user-agent": "meta-k3s" },
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new DownloadError(`${url}: the server answered ${response.status}`);
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw new DownloadError(`${url}: more than ${MOST_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (ctx.signal.aborted) throw new AbortedError(undefined, { cause: error });
    if (error instanceof DownloadError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new DownloadError(`${url}: ${cause}`, { cause: error });
  }
}
