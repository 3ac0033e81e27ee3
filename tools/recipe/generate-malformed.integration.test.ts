import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXIT } from "../core/exit-codes.ts";
import { makeModuleZip } from "../gomod/testing/make-zip.ts";
import { editGoSum, expectNothingWritten } from "./testing/check-test-program.ts";
import { formatSumLines, MODULES, openTestProgram } from "./testing/open-test-program.ts";
import type { TestProgram } from "./testing/open-test-program.ts";

// Every case runs the whole of `generate` against a real HTTP server; what fails must say so, use the right exit code and leave nothing behind.

let program: TestProgram;

beforeEach(async () => {
  program = await openTestProgram();
});

afterEach(async () => {
  await program[Symbol.asyncDispose]();
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
    await expectNothingWritten(program);
  });

  it("two hashes for one module in go.sum are told", async () => {
    await editGoSum(program, (text) => `${text}${text.split("\n")[0]?.replace(/h1:..../, "h1:AAAA") ?? ""}\n`);
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
    program.proxy.addZip(MODULES.plain, zip);
    const lines = await formatSumLines(program.folder, MODULES.plain, zip, `module ${MODULES.plain.path}\n`);
    await editGoSum(program, (text) => text.replace(/^example\.com\/plain .*\n/gm, "") + lines);
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.usage);
    expect(text).toMatch(/example\.com\/plain@v1\.0\.0: LICENSE \(md5 [0-9a-f]{32}\) is no licence of the SPDX list/);
    expect(text).toContain("under demo.licenses in versions.yaml");
    await expectNothingWritten(program);
  });
});
