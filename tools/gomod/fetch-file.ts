import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pRetry from "p-retry";
import type { Context } from "../core/context.ts";
import { AbortedError, DownloadError } from "../core/errors.ts";
import { hidePassword } from "./parse-proxy-list.ts";

/** How patient a download is. */
export interface FetchPatience {
  /** Attempts in all. */
  readonly attempts: number;
  /** Wait before the second attempt; doubles for each further one. */
  readonly backoffMs: number;
  /** A transfer that brings nothing for so long is broken off and resumed. */
  readonly stallMs: number;
}

export const usualPatience: FetchPatience = { attempts: 5, backoffMs: 500, stallMs: 30_000 };

export interface FetchOptions {
  readonly url: string;
  /** File to fill. What is in it already is taken as the beginning of the content and not fetched again. */
  readonly file: string;
  /** Bytes at which the transfer is given up: nothing that is asked for can be larger. */
  readonly limitBytes: number;
  readonly patience: FetchPatience;
  /** Called with the bytes that came, as they come. */
  readonly onBytes: (bytes: number) => void;
}

/** A file that was fetched whole. */
export interface FetchedFile {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Whether part of it came from an earlier, broken transfer: it may then be part of something else. */
  readonly resumed: boolean;
}

/** The server has no such file, or refuses it: trying again would not help. */
export class RefusedError extends DownloadError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A failure that may pass by itself. */
class TransientError extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

const MOST_RETRY_AFTER_MS = 30_000;

function parseRetryAfter(value: string | null, nowMs: number): number {
  if (value === null) return 0;
  const wanted = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(wanted) ? 0 : Math.min(Math.max(wanted, 0), MOST_RETRY_AFTER_MS);
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const code = cause !== undefined && "code" in cause ? String(cause.code) : undefined;
  return cause === undefined || cause.message === "" ? (code ?? error.message) : cause.message;
}

interface Transfer {
  readonly ctx: Context;
  readonly options: FetchOptions;
  readonly file: FileHandle;
  readonly digest: ReturnType<typeof createHash>;
  sizeBytes: number;
  resumed: boolean;
}

/**
 * Fetches an http, https or file URL into a file, with retries on what may pass (no connection, a reset, a stall, 408, 425, 429 and 5xx; the
 * server's Retry-After is kept to), each going on where the last one stopped. Throws RefusedError for 403, 404 and 410 (and every other answer that
 * is final), DownloadError when the attempts are used up or the file is too large, AbortedError; errors of the disk are those of node:fs.
 */
export async function fetchFile(ctx: Context, options: FetchOptions): Promise<FetchedFile> {
  const file = await open(options.file, "a");
  try {
    const transfer: Transfer = { ctx, options, file, digest: createHash("sha256"), sizeBytes: 0, resumed: false };
    await takeBeginning(transfer);
    await pRetry(() => runAttempt(transfer), {
      retries: options.patience.attempts - 1,
      minTimeout: options.patience.backoffMs,
      factor: 2,
      randomize: true,
      signal: ctx.signal,
      shouldRetry: ({ error }) => error instanceof TransientError,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (!(error instanceof TransientError) || retriesLeft === 0) return;
        ctx.log.debug(`${hidePassword(options.url)}: ${error.message}; trying again`);
        if (error.retryAfterMs > 0) await ctx.clock.sleep(error.retryAfterMs, ctx.signal);
      },
    });
    return { sha256: transfer.digest.digest("hex"), sizeBytes: transfer.sizeBytes, resumed: transfer.resumed };
  } catch (error) {
    if (ctx.signal.aborted) throw new AbortedError(undefined, { cause: error });
    if (!(error instanceof TransientError)) throw error;
    throw new DownloadError(`${hidePassword(options.url)}: ${error.message} (${options.patience.attempts} attempts)`, {
      cause: error,
      hint: "run the command again: what was fetched is kept and the rest is resumed",
    });
  } finally {
    await file.close();
  }
}

async function takeBeginning(transfer: Transfer): Promise<void> {
  const { size } = await stat(transfer.options.file);
  if (size === 0) return;
  for await (const chunk of createReadStream(transfer.options.file)) transfer.digest.update(chunk as Uint8Array);
  transfer.sizeBytes = size;
  transfer.resumed = true;
}

async function startAgain(transfer: Transfer): Promise<void> {
  await transfer.file.truncate(0);
  // A digest cannot be emptied, so the object is replaced.
  (transfer as { digest: Transfer["digest"] }).digest = createHash("sha256");
  transfer.sizeBytes = 0;
  transfer.resumed = false;
}

async function append(transfer: Transfer, chunk: Uint8Array): Promise<void> {
  if (transfer.sizeBytes + chunk.length > transfer.options.limitBytes) {
    throw new DownloadError(`${hidePassword(transfer.options.url)}: more than ${transfer.options.limitBytes} bytes; broken off`);
  }
  await transfer.file.appendFile(chunk);
  transfer.digest.update(chunk);
  transfer.sizeBytes += chunk.length;
  transfer.options.onBytes(chunk.length);
}

async function runAttempt(transfer: Transfer): Promise<void> {
  const { options } = transfer;
  if (options.url.startsWith("file:")) {
    await copyLocal(transfer);
    return;
  }
  const { url, authorization } = splitPassword(options.url);
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), options.patience.stallMs);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(), options.patience.stallMs);
  };
  try {
    const response = await fetch(url, {
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(transfer.sizeBytes === 0 ? {} : { range: `bytes=${transfer.sizeBytes}-` }),
        // A zip does not get smaller, and ranges count the bytes of the file.
        "accept-encoding": "identity",
      },
      signal: AbortSignal.any([transfer.ctx.signal, stall.signal]),
    });
    await takeResponse(transfer, response, alive);
  } catch (error) {
    if (error instanceof DownloadError || error instanceof TransientError || transfer.ctx.signal.aborted || isDiskError(error))
      throw error;
    if (stall.signal.aborted)
      throw new TransientError(`nothing came for ${Math.round(options.patience.stallMs / 1000)} s`, { cause: error });
    throw new TransientError(describeFailure(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function isDiskError(error: unknown): boolean {
  return (
    error instanceof Error && ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EFBIG"].includes((error as NodeJS.ErrnoException).code ?? "")
  );
}

async function takeResponse(transfer: Transfer, response: Response, alive: () => void): Promise<void> {
  const shown = hidePassword(transfer.options.url);
  if (response.status === 416) {
    // What is there is longer than the file: it belongs to something else.
    await response.body?.cancel();
    await startAgain(transfer);
    throw new TransientError("the part that was there does not fit");
  }
  if (TRANSIENT.has(response.status)) {
    await response.body?.cancel();
    throw new TransientError(`the server answered ${response.status}`, {
      retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), transfer.ctx.clock.nowMs()),
    });
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new RefusedError(`${shown}: the server answered ${response.status}`, response.status);
  }
  if (transfer.sizeBytes > 0 && response.status !== 206) await startAgain(transfer);
  if (response.status === 206) checkRange(transfer, response);
  const announced = response.headers.get("content-length");
  const expectedBytes = announced === null ? undefined : transfer.sizeBytes + Number(announced);
  for await (const chunk of response.body) {
    alive();
    await append(transfer, chunk as Uint8Array);
  }
  if (expectedBytes !== undefined && transfer.sizeBytes < expectedBytes) {
    throw new TransientError(`the transfer ended after ${transfer.sizeBytes} of ${expectedBytes} bytes`);
  }
}

function checkRange(transfer: Transfer, response: Response): void {
  const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  if (start === String(transfer.sizeBytes)) return;
  throw new DownloadError(
    `${hidePassword(transfer.options.url)}: asked for the rest from byte ${transfer.sizeBytes}, the server sent another part`,
  );
}

function splitPassword(url: string): { url: string; authorization: string | undefined } {
  const parsed = new URL(url);
  if (parsed.username === "" && parsed.password === "") return { url, authorization: undefined };
  const secret = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`;
  parsed.username = "";
  parsed.password = "";
  return { url: parsed.href, authorization: `Basic ${Buffer.from(secret).toString("base64")}` };
}

async function copyLocal(transfer: Transfer): Promise<void> {
  const path = fileURLToPath(transfer.options.url);
  await startAgain(transfer);
  try {
    for await (const chunk of createReadStream(path, { signal: transfer.ctx.signal })) await append(transfer, chunk as Uint8Array);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new RefusedError(`${path}: there is no such file`, 404);
    throw error;
  }
}
