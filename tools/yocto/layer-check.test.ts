import { describe, expect, test } from "vitest";
import { judgeBitBakeRun, selectFailedTests } from "./judge-layer-check.ts";
import { judgeValues, parseValue } from "./judge-values.ts";
import { planLayerCheck } from "./plan-layer-check.ts";
import { NO_PROGRESS } from "./plan-progress.ts";

const ENVIRONMENT = [
  "#",
  "# $QB_MEM [2 operations]",
  '#   set x.conf:1\n#     "-m 256"',
  'QB_MEM="-m 2048"',
  'export GOPROXY="off"',
  'IMAGE_INSTALL=" a \\\n  b \\"quoted\\" c"',
  'UNSET_LOOKALIKE_QB_MEM="-m 1"',
].join("\n");

describe("values in what bitbake -e prints", () => {
  test.each([
    ["QB_MEM", "-m 2048"],
    ["GOPROXY", "off"],
    ["IMAGE_INSTALL", ' a \n  b "quoted" c'],
    ["NOT_THERE", undefined],
  ])("%s", (variable, value) => {
    expect(parseValue(ENVIRONMENT, variable)).toBe(value);
  });

  test("the first value that is not as expected is told, with the reason", () => {
    const memory = { variable: "QB_MEM", pattern: /^-m 2048$/u, why: "k3s needs it" };
    expect(judgeValues(ENVIRONMENT, [memory])).toBeUndefined();
    expect(judgeValues(ENVIRONMENT, [memory, { ...memory, pattern: /4096/u }])).toMatch(/^QB_MEM is "-m 2048", but k3s needs it/);
    expect(judgeValues(ENVIRONMENT, [{ ...memory, variable: "NOT_THERE" }])).toMatch(/^NOT_THERE has no value/);
  });
});

describe("the plan of a check", () => {
  const steps = planLayerCheck({ machines: [], quick: false });

  test("every machine gets a dry run for each provider and snapshotter, the first one through every task", () => {
    const dry = steps.filter((step) => step.arguments.includes("--dry-run"));
    expect(dry).toHaveLength(3 * (1 + 1 + 4) + 1);
    expect(dry.filter((step) => !step.arguments.includes("--runonly=fetch")).map((step) => step.machine)).toEqual(["qemux86-64"]);
    expect(new Set(steps.map((step) => step.name)).size).toBe(steps.length);
  });

  test("all recipes are parsed once; where only the images are looked at, those that they do not need are left out", () => {
    const masked = steps.filter((step) => step.configuration.some((line) => line.startsWith("BBMASK")));
    expect(masked.map((step) => step.arguments[0])).not.toContain("--parse-only");
    const mask = /BBMASK \+= "(.*)"/u.exec(masked[0]?.configuration.join("\n") ?? "")?.[1] ?? "";
    expect("/x/meta-openembedded/meta-oe/recipes-a/b/b.bb").toMatch(new RegExp(mask, "u"));
    expect("/x/meta-openembedded/meta-networking/recipes-filter/ipset/ipset.bb").not.toMatch(new RegExp(mask, "u"));
    expect("/x/openembedded-core/meta/recipes-core/a/a.bb").not.toMatch(new RegExp(mask, "u"));
  });

  test("a quick check is the parse, the values and one dry run", () => {
    const quick = planLayerCheck({ machines: ["qemuarm"], quick: true });
    expect(quick.map((step) => step.arguments[0])).toEqual([
      "--parse-only",
      "--environment",
      "--environment",
      "--environment",
      "--dry-run",
    ]);
    expect(new Set(quick.map((step) => step.machine))).toEqual(new Set(["qemuarm"]));
  });
});

describe("a run of BitBake", () => {
  const run = { status: 0, output: "", layerFolder: "/src/meta-k3s", progress: NO_PROGRESS };

  test.each([
    ["silence passes", run, true, ""],
    ["another layer's warning is not this layer's", { ...run, output: "WARNING: /src/other/x.bb: old\n" }, true, ""],
    [
      "a warning about a file of the layer fails",
      { ...run, output: "WARNING: /src/meta-k3s/x.bb: old\n" },
      false,
      "1 messages about this layer",
    ],
    [
      "a refusal for want of a checksum is right, and told",
      { ...run, status: 1, output: "ERROR: x\nk3s-bin was skipped: no sum. Run generate\n", mayRefuse: /was skipped: (no sum.*)/u },
      true,
      "refused, as it should be: no sum. Run generate",
    ],
    [
      "any other failure of it is one",
      { ...run, status: 1, output: "ERROR: disk full\n", mayRefuse: /was skipped: (no sum.*)/u },
      false,
      "disk full",
    ],
    ["a failure says why", { ...run, status: 1, output: "ERROR: Nothing PROVIDES 'x'\n" }, false, "Nothing PROVIDES"],
  ])("%s", (_name, given, passed, words) => {
    const judged = judgeBitBakeRun(given);
    expect(judged.passed).toBe(passed);
    expect(judged.detail).toContain(words);
  });
});

test("the tests that yocto-check-layer found failing are named, and no others", () => {
  const output = [
    "INFO: test_parse (common.CommonCheckLayer.test_parse)",
    "INFO:  ... ok",
    "INFO: test_readme (common.CommonCheckLayer.test_readme)",
    "INFO:  ... FAIL",
    "INFO: FAIL: test_readme (common.CommonCheckLayer.test_readme)",
    "INFO: FAILED",
  ];
  expect(selectFailedTests(output.join("\n"))).toEqual(["test_readme"]);
});
