import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { formatProxyPath } from "../parse-module.ts";
import type { ModuleVersion } from "../parse-module.ts";

/** How a test proxy misbehaves for one path. `attempt` counts from 1. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse, file: { body: Buffer; attempt: number }) => void;

/** A module proxy on the loopback interface. */
export interface TestProxy extends AsyncDisposable {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly requests: readonly string[];
  addZip(module: ModuleVersion, body: Buffer): void;
  addFile(path: string, body: Buffer): void;
  /** Until further notice, answers for this module's zip go through `how`. */
  misbehave(module: ModuleVersion, how: Misbehaviour): void;
}

/** Answers whole, or the range that was asked for, as real servers do. */
export function answerWell(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? -1);
  if (start >= body.length) {
    response.writeHead(416).end();
  } else if (start >= 0) {
    const rest = body.subarray(start);
    response.writeHead(206, { "content-length": rest.length, "content-range": `bytes ${start}-${body.length - 1}/${body.length}` });
    response.end(rest);
  } else {
    response.writeHead(200, { "content-length": body.length }).end(body);
  }
}

/** Starts a real HTTP server that serves modules by the GOPROXY protocol. */
export async function openTestProxy(): Promise<TestProxy> {
  const files = new Map<string, Buffer>();
  const faults = new Map<string, Misbehaviour>();
  const attempts = new Map<string, number>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "").slice(1);
    requests.push(path);
    const attempt = (attempts.get(path) ?? 0) + 1;
    attempts.set(path, attempt);
    const body = files.get(path);
    const fault = faults.get(path);
    if (fault !== undefined) fault(request, response, { body: body ?? Buffer.alloc(0), attempt });
    else if (body === undefined) response.writeHead(404).end("not found");
    else answerWell(request, response, body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    addZip: (module, body) => void files.set(formatProxyPath(module, "zip"), body),
    addFile: (path, body) => void files.set(path, body),
    misbehave: (module, how) => void faults.set(formatProxyPath(module, "zip"), how),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
