import { runCli } from "../cli/run-cli.ts";
import { commands } from "../commands/list-commands.ts";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXIT } from "../core/exit-codes.ts";
import { makeModuleZip, makeZip } from "../gomod/testing/make-zip.ts";
import { editGoSum, expectNothingWritten, expectNotKept } from "./testing/check-test-program.ts";
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
    await expectNothingWritten(program);
    await expectNotKept(program, MODULES.plain);
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
    await expectNothingWritten(program);
    await expectNotKept(program, MODULES.plain);
  });

  it("a wrong h1 in go.sum stops the run, and go.sum stays as it is", async () => {
    await editGoSum(program, (text) => text.replace(/(example\.com\/plain v1\.0\.0 h1:)..../, "$1AAAA"));
    const before = await readFile(join(program.folder, "source", "go.sum"), "utf8");
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain("go.sum has h1:AAAA");
    expect(await readFile(join(program.folder, "source", "go.sum"), "utf8")).toBe(before);
    await expectNothingWritten(program);
  });

  it("a go.sum that was changed after the module was cached stops the run as well", async () => {
    await program.generate();
    const recipe = await program.readRecipe();
    await editGoSum(program, (text) => text.replace(/(example\.com\/plain v1\.0\.0 h1:)..../, "$1AAAA"));
    expect((await program.generate()).exitCode).toBe(EXIT.integrity);
    expect(await program.readRecipe()).toEqual(recipe);
  });

  it("a wrong hash of a go.mod file stops the run", async () => {
    await editGoSum(program, (text) => text.replace(/(example\.com\/plain v1\.0\.0\/go\.mod h1:)..../, "$1AAAA"));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain("the go.mod is not what go.sum says");
    await expectNothingWritten(program);
  });

  it.for(["example.com/plain v1.0.0", "example.com/plain v1.0.0/go.mod"])(
    "a missing go.sum line for %s is named, before anything is fetched",
    async (line) => {
      await editGoSum(program, (text) => text.replace(new RegExp(`^${RegExp.escape(line)} .*\n`, "m"), ""));
      const { exitCode, text } = await program.generate();
      expect(exitCode).toBe(EXIT.integrity);
      expect(text).toContain(`go.sum has no line for ${line}`);
      expect(program.proxy.requests).toEqual([]);
      await expectNothingWritten(program);
    },
  );

  it("the zip of another module is not taken", async () => {
    program.proxy.addZip(MODULES.plain, zipOf(MODULES.old));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain('is not below "example.com/plain@v1.0.0/"');
    await expectNothingWritten(program);
  });

  it("a web page instead of a zip is not taken", async () => {
    program.proxy.addZip(MODULES.plain, Buffer.from("<html>please log in</html>".repeat(100)));
    const { exitCode, text } = await program.generate();
    expect(exitCode).toBe(EXIT.integrity);
    expect(text).toContain("the zip cannot be read");
    await expectNothingWritten(program);
  });

  it("a damaged zip in the cache is not handed to BitBake, and is told", async () => {
    await program.generate();
    const [zip] = await program.readCache("zips");
    await writeFile(zip ?? "", "damaged");
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
    await expectNothingWritten(program);
    await expectNotKept(program, MODULES.plain);
  });
});
