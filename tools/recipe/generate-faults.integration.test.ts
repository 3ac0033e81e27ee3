import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXIT } from "../core/exit-codes.ts";
import { formatProxyPath } from "../gomod/parse-module.ts";
import { makeModuleZip, makeZip } from "../gomod/testing/make-zip.ts";
import { answerWell } from "../gomod/testing/open-test-proxy.ts";
import type { Misbehaviour } from "../gomod/testing/open-test-proxy.ts";
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

const plainName = "example.com/plain@v1.0.0";
const status =
  (code: number, headers: Record<string, string> = {}): Misbehaviour =>
  (_request, response) => {
    response.writeHead(code, headers).end("no");
  };

async function expectNothingWritten(): Promise<void> {
  expect(await program.readRecipe()).toEqual({});
}

async function expectNotKept(module: (typeof MODULES)[keyof typeof MODULES]): Promise<void> {
  const records = await program.readCache("modules");
  expect(records.filter((path) => path.includes(formatProxyPath(module, "info").replace(/info$/, "")))).toEqual([]);
}

async function editGoSum(edit: (text: string) => string): Promise<void> {
  const path = join(program.folder, "source", "go.sum");
  const text = await readFile(path, "utf8");
  const edited = edit(text);
  expect(edited).not.toBe(text);
  await writeFile(path, edited);
}

it("writes the files when nothing goes wrong, and changes nothing the second time, without the network", async () => {
  const first = await program.generate();
  expect(first.text).toContain("modules: 3 (3 verified against go.sum, 0 from git by a rule)");
  expect(first.exitCode).toBe(EXIT.ok);
  const recipe = await program.readRecipe();
  expect(Object.keys(recipe).toSorted()).toEqual(["demo-1.2.3.inc", "demo-go-mods.inc", "demo-licenses.inc", "demo.lock.json"]);
  const asked = program.proxy.requests.length;
  const second = await program.generate();
  expect(second.text).toContain("nothing changed");
  expect(program.proxy.requests.length).toBe(asked);
  expect(await program.readRecipe()).toEqual(recipe);
});

describe("what was tampered with", () => {
  it.for([
    ["at the front", 0],
    ["in the middle of the content", 100_000],
    ["in the directory at the end", -40],
  ] as const)("a flipped byte %s stops the run", async ([_where, at]) => {
    const zip = Buffer.from(zipOf(MODULES.plain));
    const index = at < 0 ? zip.length + at : at;
    zip.writeUInt8(zip.readUInt8(index) ^ 0x01, index);
    program.proxy.addZip(MODULES.plain, zip);
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain(plainName);
    await expectNothingWritten();
    await expectNotKept(MODULES.plain);
  });

  it("another content names the module and both hashes", async () => {
    program.proxy.addZip(
      MODULES.plain,
      makeModuleZip(MODULES.plain, { "go.mod": `module ${MODULES.plain.path}\n\ngo 1.24\n`, "main.go": "package evil\n" }),
    );
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toMatch(
      /example\.com\/plain@v1\.0\.0: the zip is not what go\.sum says: go\.sum has h1:\S{44}, the download has h1:\S{44}/,
    );
    await expectNothingWritten();
    await expectNotKept(MODULES.plain);
  });

  it("a wrong h1 in go.sum stops the run, and go.sum stays as it is", async () => {
    await editGoSum((text) => text.replace(/(example\.com\/plain v1\.0\.0 h1:)..../, "$1AAAA"));
    const before = await readFile(join(program.folder, "source", "go.sum"), "utf8");
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain("go.sum has h1:AAAA");
    expect(await readFile(join(program.folder, "source", "go.sum"), "utf8")).toBe(before);
    await expectNothingWritten();
  });

  it("a go.sum that was changed after the module was cached stops the run as well", async () => {
    await program.generate();
    const recipe = await program.readRecipe();
    await editGoSum((text) => text.replace(/(example\.com\/plain v1\.0\.0 h1:)..../, "$1AAAA"));
    expect((await program.generate()).exitCode).toBe(EXIT.integrity);
    expect(await program.readRecipe()).toEqual(recipe);
  });

  it("a wrong hash of a go.mod file stops the run", async () => {
    await editGoSum((text) => text.replace(/(example\.com\/plain v1\.0\.0\/go\.mod h1:)..../, "$1AAAA"));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain("the go.mod is not what go.sum says");
    await expectNothingWritten();
  });

  it.for(["example.com/plain v1.0.0", "example.com/plain v1.0.0/go.mod"])(
    "a missing go.sum line for %s is named, before anything is fetched",
    async (line) => {
      await editGoSum((text) => text.replace(new RegExp(`^${RegExp.escape(line)} .*\n`, "m"), ""));
      const { exitCode, text } = await program.generate();
      expect(exitCode).toBe(EXIT.integrity);
      expect(text).toContain(`go.sum has no line for ${line}`);
      expect(program.proxy.requests).toEqual([]);
      await expectNothingWritten();
    },
  );

  it("the zip of another module is not taken", async () => {
    program.proxy.addZip(MODULES.plain, zipOf(MODULES.old));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain('is not below "example.com/plain@v1.0.0/"');
    await expectNothingWritten();
  });

  it("a web page instead of a zip is not taken", async () => {
    program.proxy.addZip(MODULES.plain, Buffer.from("<html>please log in</html>".repeat(100)));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain("the zip cannot be read");
    await expectNothingWritten();
  });

  it("a damaged zip in the cache is not handed to BitBake, and is told", async () => {
    await program.generate();
    const [zip] = await program.readCache("zips");
    await writeFile(zip ?? "", "damaged");
    const { runCli } = await import("../cli/run-cli.ts");
    const { commands } = await import("../commands/list-commands.ts");
    let errors = "";
    const terminal = {
      stdout: { write: () => true },
      stderr: { write: (text: string) => (errors += text) },
      env: program.env,
      cwd: program.folder,
      signal: new AbortController().signal,
    };
    expect(await runCli([...program.argv, "--prefetch", join(program.folder, "downloads")], commands, terminal)).toBe(
      EXIT.integrity,
    );
    expect(errors).toContain("is damaged");
  });
});

describe("hostile zips", () => {
  const prefix = `${plainName}/`;
  it.for([
    ["path traversal", [{ name: `${prefix}../../etc/cron.d/x`, content: "x" }], 'has the element ".."'],
    ["an absolute name", [{ name: "/etc/passwd", content: "x" }], "is not below"],
    ["a backslash", [{ name: `${prefix}a\\..\\b`, content: "x" }], "has the character"],
    [
      "a case collision",
      [
        { name: `${prefix}Readme`, content: "x" },
        { name: `${prefix}README`, content: "y" },
      ],
      "differ only in the case",
    ],
    [
      "a case collision of folders",
      [
        { name: `${prefix}Doc/a`, content: "x" },
        { name: `${prefix}doc/b`, content: "y" },
      ],
      "differ only in the case",
    ],
    [
      "a name that is file and folder",
      [
        { name: `${prefix}a`, content: "x" },
        { name: `${prefix}a/b`, content: "y" },
      ],
      "is both a file and a folder",
    ],
    [
      "a name that is there twice",
      [
        { name: `${prefix}a`, content: "x" },
        { name: `${prefix}a`, content: "y" },
      ],
      "is there twice",
    ],
    ["a device name of Windows", [{ name: `${prefix}aux.go`, content: "x" }], "has the reserved element"],
    ["a second go.mod", [{ name: `${prefix}sub/go.mod`, content: "module x" }], "outside the module's root"],
    ["a go.mod in capitals", [{ name: `${prefix}GO.MOD`, content: "module x" }], "not in small letters"],
    [
      "a directory that claims 600 MiB",
      [{ name: `${prefix}big`, content: "x", claimedBytes: 600 * 1024 * 1024 }],
      "once unpacked; a module has at most",
    ],
    [
      "a go.mod that claims 17 MiB",
      [{ name: `${prefix}go.mod`, content: "x", claimedBytes: 17 * 1024 * 1024 }],
      "a go.mod file has at most",
    ],
    [
      "a bomb that unfolds beyond what it claims",
      [{ name: `${prefix}bomb`, content: Buffer.alloc(50_000_000), claimedBytes: 1000 }],
      "cannot be read",
    ],
    ["a large bomb", [{ name: `${prefix}bomb`, content: Buffer.alloc(50_000_000), claimedBytes: 2_000_000 }], "cannot be read"],
    ["an entry that is shorter than it claims", [{ name: `${prefix}short`, content: "x", claimedBytes: 1000 }], "cannot be read"],
  ] as const)("%s is refused", async ([_what, entries, reason]) => {
    program.proxy.addZip(MODULES.plain, makeZip(entries));
    const { exitCode, text } = await program.generate();
    expect(text).toContain(reason);
    expect(text).toContain(plainName);
    expect(exitCode).toBe(EXIT.integrity);
    await expectNothingWritten();
    await expectNotKept(MODULES.plain);
  });
});

describe("a proxy that refuses or fails", () => {
  it.for([403, 404, 410, 451])("%i is final: it is told at once, with what to do", async (code) => {
    program.proxy.misbehave(MODULES.plain, status(code));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain(`the server answered ${code}`);
    expect(text).toContain("git-modules in versions.yaml");
    expect(program.proxy.requests.filter((path) => path.startsWith("example.com/plain"))).toHaveLength(1);
    await expectNothingWritten();
  });

  it("lists every module that is refused", async () => {
    for (const module of Object.values(MODULES)) program.proxy.misbehave(module, status(403));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.command);
    expect(text).toContain("3 modules cannot be had");
    for (const { path, version } of Object.values(MODULES)) expect(text).toContain(`${path}@${version}`);
    await expectNothingWritten();
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
    await expectNothingWritten();
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
    await expectNothingWritten();
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
    await expectNothingWritten();
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
    await expectNothingWritten();
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
    await expectNothingWritten();
  });
});

describe("malformed files", () => {
  it.for([
    ["go.mod", "module example.com/demo\n\nreplce a => b v1\n", "line 3: not understood: replce a => b v1"],
    ["go.mod", "module example.com/demo\n\nrequire (\n\texample.com/a v1.0.0\n", "the require block is never closed"],
    ["go.mod", "go 1.24\n", "there is no module line"],
    ["go.sum", "example.com/plain v1.0.0\n", 'line 1: expected "path version hash", found 2 fields'],
    ["go.sum", "example.com/plain v1.0.0 h1:tooshort=\n", '"h1:tooshort=" is not an h1 hash'],
    ["modules.txt", "example.com/plain\n", 'line 1: "" is not a canonical version'],
    ["modules.txt", "../../etc v1.0.0\n", "line 1: module path"],
    ["modules.txt", "example.com/plain v2.0.0\n", "needs a path that ends in /v2, or +incompatible"],
  ] as const)("%s: %j is told with its line", async ([name, content, message]) => {
    await program.write(`source/${name}`, content);
    const { exitCode, text } = await program.generate();
    expect(text).toContain(message);
    expect(exitCode).toBe(EXIT.usage);
    expect(program.proxy.requests).toEqual([]);
    await expectNothingWritten();
  });

  it("two hashes for one module in go.sum are told", async () => {
    await editGoSum((text) => `${text}${text.split("\n")[0]?.replace(/h1:..../, "h1:AAAA") ?? ""}\n`);
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.usage);
    expect(text).toContain("has two different hashes");
  });

  it("a module that go.mod replaces by a folder is refused with the reason", async () => {
    await program.write("source/go.mod", "module example.com/demo\n\ngo 1.24\n\nreplace example.com/plain => ../plain\n");
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.usage);
    expect(text).toContain("replaces linked modules by local folders, which BitBake cannot fetch");
    expect(text).toContain("example.com/plain => ../plain");
  });

  it("a licence that nobody knows is named, with its md5 and the rule to write", async () => {
    const zip = makeModuleZip(MODULES.plain, {
      "go.mod": `module ${MODULES.plain.path}\n`,
      LICENSE: "Do what you like on Tuesdays.",
    });
    const { formatSumLines } = await import("./testing/open-test-program.ts");
    program.proxy.addZip(MODULES.plain, zip);
    const lines = await formatSumLines(program.folder, MODULES.plain, zip, `module ${MODULES.plain.path}\n`);
    await editGoSum((text) => text.replace(/^example\.com\/plain .*\n/gm, "") + lines);
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.usage);
    expect(text).toMatch(/example\.com\/plain@v1\.0\.0: LICENSE \(md5 [0-9a-f]{32}\) is no licence of the SPDX list/);
    expect(text).toContain("under demo.licenses in versions.yaml");
    await expectNothingWritten();
  });
});

it("a second proxy is asked when the first has not got the module, and not when it refuses", async () => {
  const { openTestProxy } = await import("../gomod/testing/open-test-proxy.ts");
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
  await expectNothingWritten();
});
