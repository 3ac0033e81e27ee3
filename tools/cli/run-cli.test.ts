import { expect, test } from "vitest";
import { ConfigError, PreflightError } from "../core/errors.ts";
import { defineCommand } from "./command.ts";
import { runCli } from "./run-cli.ts";

const paint = defineCommand({
  name: "paint",
  describe: "Paint a thing",
  positionals: { thing: { type: "string", describe: "what to paint", required: true } },
  options: {
    colour: { type: "string", describe: "its colour", choices: ["red", "green"], default: "red" },
    coats: { type: "number", describe: "how many coats" },
    label: { type: "string", array: true, describe: "labels" },
    "dry-run": { type: "boolean", default: false, describe: "only say what would be done" },
  },
  examples: [["paint door --colour green", "a green door"]],
  handler: async (args) => ({ text: `painted ${args.thing} ${args.colour}`, json: args }),
});

const failing = (error: Error): ReturnType<typeof defineCommand> =>
  defineCommand({
    name: "fail",
    describe: "Fail",
    handler: async () => {
      throw error;
    },
  });

async function run(argv: readonly string[], commands = [paint]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runCli(argv, commands, {
    stdout: { write: (text) => (out += text), columns: 80 },
    stderr: { write: (text) => (err += text) },
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

test("a command's text goes to stdout", async () => {
  expect(await run(["paint", "door", "--colour", "green"])).toEqual({ code: 0, out: "painted door green\n", err: "" });
});

test("--json prints the data instead, with typed values", async () => {
  const result = await run(["paint", "door", "--coats", "2", "--label", "a", "--label", "b", "--dry-run", "--json"]);
  expect(JSON.parse(result.out)).toEqual({ thing: "door", colour: "red", coats: 2, label: ["a", "b"], "dry-run": true });
});

test("of a repeated single option the last one counts", async () => {
  expect((await run(["paint", "door", "--colour", "green", "--colour", "red"])).out).toBe("painted door red\n");
});

test.each([
  [["piant", "door"], /there is no command "piant". Did you mean paint\?/],
  [["xyzzy"], /there is no command "xyzzy"/],
  [[], /say which command to run/],
  [["paint"], /Not enough non-option arguments/],
  [["paint", "door", "extra"], /Unknown argument: extra/],
  [["paint", "door", "--color", "red"], /Unknown argument: color/],
  [["paint", "door", "--colour", "blue"], /Invalid values[\s\S]*"red", "green"/],
  [["paint", "door", "--colour"], /Not enough arguments following: colour/],
])("wrong input %j is a usage error", async (argv, words) => {
  const result = await run(argv);
  expect(result).toMatchObject({ code: 2, out: "" });
  expect(result.err).toMatch(words);
});

test("numbers that are none are refused", async () => {
  const result = await run(["paint", "door", "--coats", "two"]);
  expect(result.code).toBe(2);
  expect(result.err).toMatch(/--coats takes a number, not "two"/);
});

test("help and version go to stdout with status 0", async () => {
  const help = await run(["paint", "--help"]);
  expect(help.code).toBe(0);
  expect(help.out).toMatch(/paint <thing>[\s\S]*--colour[\s\S]*a green door/);
  expect((await run(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("a known error shows message, details and hint, and sets its exit code", async () => {
  const error = new PreflightError("this host cannot paint", {
    checks: [{ name: "brush", found: "not installed", repair: "apt-get install brush" }],
    hint: "or use a roller",
  });
  expect(await run(["fail"], [failing(error)])).toEqual({
    code: 3,
    out: "",
    err: "error: this host cannot paint\n  brush: not installed\n    repair: apt-get install brush\nhint: or use a roller\n",
  });
});

test("all problems of a file are shown at once", async () => {
  const error = new ConfigError("paint.yaml is wrong", { problems: ["line 1: no colour", "line 2: no coats"] });
  expect((await run(["fail"], [failing(error)])).err).toBe("error: paint.yaml is wrong\n  line 1: no colour\n  line 2: no coats\n");
});

test("an unknown error is a bug: its stack and where to report it", async () => {
  const result = await run(["fail"], [failing(new TypeError("x is not a function"))]);
  expect(result.code).toBe(70);
  expect(result.err).toMatch(/^bug: [\s\S]*x is not a function[\s\S]*please report/);
});

test("with --json an error is JSON on stdout too", async () => {
  const result = await run(["fail", "--json"], [failing(new ConfigError("wrong", { hint: "right it" }))]);
  expect(JSON.parse(result.out)).toEqual({ error: { code: "CONFIG", message: "wrong", hint: "right it" } });
});
