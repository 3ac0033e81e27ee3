import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { AbortedError, IntegrityError } from "../core/errors.ts";
import type { ModuleVersion } from "./parse-module.ts";
import type { ModuleZip } from "./read-module-zip.ts";

/** What a reading thread is asked. Paths and plain data only: it crosses a thread. */
export interface ZipRequest {
  readonly id: number;
  readonly path: string;
  readonly module: ModuleVersion;
  /** Known from the download; undefined: to be computed. */
  readonly sha256: string | undefined;
}

/** What it answers. */
export type ZipAnswer =
  | { readonly id: number; readonly ok: true; readonly zip: ModuleZip; readonly sha256: string }
  | { readonly id: number; readonly ok: false; readonly message: string; readonly isIntegrity: boolean; readonly stack: string };

/** Threads that read modules' zips. */
export interface ZipReaders extends AsyncDisposable {
  /** As readModuleZip, and the sha256 of the file in hex. Throws IntegrityError, AbortedError when closed meanwhile. */
  read(path: string, module: ModuleVersion, sha256?: string): Promise<{ zip: ModuleZip; sha256: string }>;
}

interface Job {
  readonly resolve: (result: { zip: ModuleZip; sha256: string }) => void;
  readonly reject: (error: Error) => void;
}

const MOST_THREADS = 4;

/** Starts threads as they are needed, as many as the host runs at once (at most 4). Close it, or they keep the process alive. */
export function openZipReaders(threads = Math.min(MOST_THREADS, availableParallelism())): ZipReaders {
  const workers: { worker: Worker; jobs: Map<number, Job> }[] = [];
  let lastId = 0;
  let closed = false;

  function startWorker(): (typeof workers)[number] {
    const entry = { worker: new Worker(new URL("./zip-worker.ts", import.meta.url)), jobs: new Map<number, Job>() };
    entry.worker.on("message", (answer: ZipAnswer) => {
      const job = entry.jobs.get(answer.id);
      entry.jobs.delete(answer.id);
      if (answer.ok) job?.resolve({ zip: answer.zip, sha256: answer.sha256 });
      else
        job?.reject(answer.isIntegrity ? new IntegrityError(answer.message) : new Error(answer.message, { cause: answer.stack }));
    });
    const fail = (error: Error): void => {
      for (const job of entry.jobs.values()) job.reject(error);
      entry.jobs.clear();
    };
    entry.worker.on("error", fail);
    entry.worker.on("exit", () => fail(closed ? new AbortedError() : new Error("a thread that reads zips ended by itself")));
    workers.push(entry);
    return entry;
  }

  return {
    read(path, module, sha256) {
      if (closed) return Promise.reject(new AbortedError());
      const idle = workers.find((entry) => entry.jobs.size === 0);
      const entry = idle ?? (workers.length < threads ? startWorker() : workers.toSorted((a, b) => a.jobs.size - b.jobs.size)[0]);
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        entry?.jobs.set(id, { resolve, reject });
        entry?.worker.postMessage({ id, path, module, sha256 } satisfies ZipRequest);
      });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all(workers.map((entry) => entry.worker.terminate()));
    },
  };
}
