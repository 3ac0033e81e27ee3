import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cacheFolderOf } from "../tools/host/read-host-state.ts";
import { openGo } from "../tools/recipe/testing/open-go.ts";
import { openTestContext } from "./harness/open-test-context.ts";
import { keepResults } from "./results/keep-results.ts";
import { parsePrograms } from "./testbed/parse-programs.ts";
import { planArchitecture } from "./testbed/plan-architecture.ts";
import { planGoEnv } from "./testbed/plan-go.ts";

const FOLDER = join(import.meta.dirname, "testbed/go");
/** Without a testbed made before, Kubernetes is compiled first. */
const TIMEOUT_MS = 2_400_000;

keepResults();

// Here, beside the tests that boot machines, because like them it takes every core where nothing is compiled yet.
test(
  "the testbed's Go programs pass their own tests, built as for the guest",
  async () => {
    await using bench = await openTestContext();
    const { ctx } = bench;
    const path = join(FOLDER, "programs.yaml");
    const { architectures, tags } = parsePrograms(await readFile(path, "utf8"), path);
    const needed = /^go (\S+)$/mu.exec(await readFile(join(FOLDER, "go.mod"), "utf8"))?.[1] ?? "";
    const { goArch, gnuTriplet } = planArchitecture("x86_64");
    const env = planGoEnv({
      env: ctx.env,
      cacheDir: join(cacheFolderOf(ctx.env), "go"),
      target: architectures[goArch],
      cgo: true,
      gnuTriplet,
    });
    const result = await ctx.exec.run(["go", "test", "-vet=off", "-tags", tags.join(","), "./..."], {
      cwd: FOLDER,
      env: { ...env, PATH: await openGo(ctx, needed) },
      onLine: (line) => ctx.log.progress(line),
    });
    expect(`${result.stdout}${result.stderr}`).not.toMatch(/^(FAIL|---)/mu);
    expect(result.status).toBe(0);
    expect(result.stdout).toContain("ok  \tmeta-k3s/standin/internal/bootstrap");
  },
  TIMEOUT_MS,
);
