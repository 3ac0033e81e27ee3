import { z } from "zod";
import { ConfigError } from "../../tools/core/errors.ts";

const testResultSchema = z.strictObject({
  /** Its file, suites and title, as vitest joins them: "qemu-tests/scenarios.qemu.test.ts > join: … > holds". */
  test: z.string(),
  /** What was tested: see readSourceDigest. */
  source: z.string(),
  /** What the guests ran: "the testbed's" own choice, or the sha256 of the binary that META_K3S_K3S named. */
  k3s: z.string(),
  outcome: z.enum(["passed", "failed"]),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  durationMs: z.number(),
  host: z.strictObject({ os: z.string(), cpus: z.number(), memoryMib: z.number() }),
});

/** How one test that boots machines ended: a line of the file in which `npm run test:all` keeps results. */
export type TestResult = z.infer<typeof testResultSchema>;

/** Reads lines of JSON, one a result, in the order in which they ended. Throws ConfigError that names the file and the line that is none. */
export function parseResults(text: string, path: string): readonly TestResult[] {
  return text.split("\n").flatMap((line, index) => {
    if (line === "") return [];
    try {
      return [testResultSchema.parse(JSON.parse(line))];
    } catch (cause) {
      const hint = "take the line away: its test is then run again";
      throw new ConfigError(`${path}:${index + 1}: not the result of a test`, { hint, cause });
    }
  });
}
