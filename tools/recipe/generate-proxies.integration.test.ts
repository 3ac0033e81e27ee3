import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXIT } from "../core/exit-codes.ts";
import { formatProxyPath } from "../gomod/parse-module.ts";
import { answerWell, openTestProxy } from "../gomod/testing/open-test-proxy.ts";
import type { Misbehaviour } from "../gomod/testing/open-test-proxy.ts";
import { expectNothingWritten } from "./testing/check-test-program.ts";
import { MODULES, openTestProgram, zipOf } from "./testing/open-test-program.ts";
import type { TestProgram } from "./testing/open-test-program.ts";

// Every case runs the whole of `generate` against a real HTTP server; what fails must say so, use the right exit code and leave nothing behind.

let program: TestProgram;

beforeEach(async () => {
  program = await openTestProgram();
});

afterEach(async () => {
  await program[Symbol.asyncDispose]();
});

const status =
  (code: number, headers: Record<string, string> = {}): Misbehaviour =>
  (_request, response) => {
    response.writeHead(code, headers).end("no");
  };

describe("a proxy that refuses or fails", () => {
  it.for([403, 404, 410, 451])("%i is final: it is told at once, with what to do", async (code) => {
    program.proxy.misbehave(MODULES.plain, status(code));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain(`the server answered ${code}`);
    expect(text).toContain("git-modules in versions.yaml");
    expect(program.proxy.requests.filter((path) => path.startsWith("example.com/plain"))).toHaveLength(1);
    await expectNothingWritten(program);
  });

  it("lists every module that is refused", async () => {
    for (const module of Object.values(MODULES)) program.proxy.misbehave(module, status(403));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain("3 modules cannot be had");
    for (const { path, version } of Object.values(MODULES)) expect(text).toContain(`${path}@${version}`);
    await expectNothingWritten(program);
  });

  it("a rule under git-modules makes a refused module a gomodgit entry", async () => {
    program.proxy.misbehave(MODULES.plain, status(403));
    const revision = "0123456789abcdef0123456789abcdef01234567";
    await program.write(
      "versions.yaml",
      `schemaVersion: 1\nprograms:\n  demo:\n    git: https://example.com/demo\n    version: v1.2.3\n    git-modules:\n      - { module: example.com/plain, version: v1.0.0, commit: ${revision}, reason: the proxy refuses it, licenses: [{ file: LICENSE, md5: 0123456789abcdef0123456789abcdef, spdx: MIT }] }\n`,
    );
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
    expect((await program.readRecipe())["demo-go-mods.inc"]).toContain(
      `gomodgit://example.com/plain;version=v1.0.0;srcrev=${revision} `,
    );
  });

  it.for([500, 502, 503, 408])("%i twice, then an answer: the run goes on", async (code) => {
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      if (file.attempt <= 2) response.writeHead(code).end();
      else answerWell(request, response, file.body);
    });
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
  });

  it("429 with Retry-After is kept to", async () => {
    const times: number[] = [];
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      times.push(performance.now());
      if (file.attempt === 1) response.writeHead(429, { "retry-after": "1" }).end();
      else answerWell(request, response, file.body);
    });
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it("500 for ever ends after the attempts, with their number", async () => {
    program.proxy.misbehave(MODULES.plain, status(500));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain("the server answered 500 (3 attempts)");
    await expectNothingWritten(program);
  });

  it("a connection that is reset in the middle is resumed from where it broke", async () => {
    const ranges: (string | undefined)[] = [];
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      ranges.push(request.headers.range);
      if (file.attempt > 1) answerWell(request, response, file.body);
      else {
        response.writeHead(200, { "content-length": file.body.length });
        response.write(file.body.subarray(0, 150_000), () => setImmediate(() => request.socket.resetAndDestroy()));
      }
    });
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
    expect(ranges).toHaveLength(2);
  });

  it("a download that is always cut short fails, and the next run goes on with what came", async () => {
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const end = Math.min(start + 20_000, file.body.length - 1);
      const range = start === 0 ? {} : { "content-range": `bytes ${start}-${file.body.length - 1}/${file.body.length}` };
      response.writeHead(start === 0 ? 200 : 206, { "content-length": file.body.length - start, ...range });
      response.write(file.body.subarray(start, end), () => setTimeout(() => request.socket.destroy(), 30));
    });
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain("what was fetched is kept and the rest is resumed");
    await expectNothingWritten(program);
    const ranges: (string | undefined)[] = [];
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      ranges.push(request.headers.range);
      answerWell(request, response, file.body);
    });
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
    expect(ranges[0]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it("a part that belongs to other bytes is thrown away and fetched anew", async () => {
    const evil = Buffer.alloc(50_000, 7);
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      response.writeHead(200, { "content-length": file.body.length });
      response.write(evil, () => setTimeout(() => request.socket.destroy(), 30));
    });
    expect((await program.generate({ attempts: 1 })).exitCode).toBe(EXIT.command);
    program.proxy.misbehave(MODULES.plain, (request, response, file) => answerWell(request, response, file.body));
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
  });

  it("a server that does not know ranges gets the file fetched from its beginning", async () => {
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      response.writeHead(200, { "content-length": file.body.length });
      if (file.attempt > 1) response.end(file.body);
      else response.write(file.body.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 30));
    });
    expect((await program.generate()).exitCode).toBe(EXIT.ok);
  });

  it("a server that sends another part than asked for is not believed", async () => {
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      if (file.attempt === 1) {
        response.writeHead(200, { "content-length": file.body.length });
        response.write(file.body.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 30));
      } else
        response
          .writeHead(206, { "content-range": `bytes 0-9/${file.body.length}`, "content-length": 10 })
          .end(file.body.subarray(0, 10));
    });
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain("the server sent another part");
    await expectNothingWritten(program);
  });

  it("a server that stops sending is left and asked again", async () => {
    program.proxy.misbehave(MODULES.plain, (request, response, file) => {
      if (file.attempt > 1) answerWell(request, response, file.body);
      else {
        response.writeHead(200, { "content-length": file.body.length });
        response.write(file.body.subarray(0, 1000));
      }
    });
    expect((await program.generate({ stallMs: 300 })).exitCode).toBe(EXIT.ok);
  });

  it("a server that never answers is given up, and the reason told", async () => {
    program.proxy.misbehave(MODULES.plain, () => undefined);
    const { exitCode, text } = await program.generate({ stallMs: 200, attempts: 2 });
    expect(exitCode).toBe(EXIT.command);
    expect(text).toMatch(/nothing came for \d+ s \(2 attempts\)/);
    await expectNothingWritten(program);
  });

  it("a slow server that keeps sending is waited for, however long it takes in all", async () => {
    program.proxy.misbehave(MODULES.plain, (_request, response, file) => {
      response.writeHead(200, { "content-length": file.body.length });
      const step = Math.ceil(file.body.length / 10);
      let at = 0;
      const timer = setInterval(() => {
        response.write(file.body.subarray(at, at + step));
        at += step;
        if (at < file.body.length) return;
        clearInterval(timer);
        response.end();
      }, 60);
    });
    expect((await program.generate({ stallMs: 500, attempts: 1 })).exitCode).toBe(EXIT.ok);
  });

  it("a proxy that is not there is told with the reason", async () => {
    const gone = program.proxy.url;
    await program.proxy[Symbol.asyncDispose]();
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain(gone);
    expect(text).toContain("ECONNREFUSED");
    await expectNothingWritten(program);
  });
});

it("a second proxy is asked when the first has not got the module, and not when it refuses", async () => {
  await using second = await openTestProxy();
  for (const module of Object.values(MODULES)) second.addZip(module, zipOf(module));
  program.env["GOPROXY"] = `${program.proxy.url},${second.url}`;
  program.proxy.misbehave(MODULES.plain, status(404));
  expect((await program.generate()).exitCode).toBe(EXIT.ok);
  expect(second.requests).toEqual([formatProxyPath(MODULES.plain, "zip")]);

  program.proxy.misbehave(MODULES.capital, status(403));
  await using fresh = await openTestProgram();
  fresh.env["GOPROXY"] = program.env["GOPROXY"];
  expect((await fresh.generate()).exitCode).toBe(EXIT.command);
  fresh.env["GOPROXY"] = program.env["GOPROXY"].replace(",", "|");
  expect((await fresh.generate()).exitCode).toBe(EXIT.ok);
  expect(second.requests).toContain(formatProxyPath(MODULES.capital, "zip"));
});

it("GOPROXY=off fetches nothing and says so", async () => {
  program.env["GOPROXY"] = "off";
  const { exitCode, text } = await program.generate();
  expect(exitCode).toBe(EXIT.command);
  expect(text).toContain("GOPROXY=off forbids");
  await expectNothingWritten(program);
});
