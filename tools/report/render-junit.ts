import { create } from "xmlbuilder2";
import { formatForeignLine, formatForeignText } from "./format-foreign-text.ts";
import type { RunRecord } from "./run-record.ts";

interface TestCase {
  readonly name: string;
  /** Seconds of the boot until it held; 0 where that means nothing. */
  readonly seconds: number;
  readonly outcome: "passed" | "failure" | "error" | "skipped";
  readonly type: string;
  readonly message: string;
  readonly text: string;
}

const textLimit = 20_000;

function formatProblems(record: RunRecord): string {
  const lines = record.verdict.problems.flatMap((problem) => [
    `${problem.code} ${problem.subject}: ${problem.message}`,
    ...(problem.hint === null ? [] : [`  next step: ${problem.hint}`]),
  ]);
  return [record.verdict.summary, ...lines].join("\n");
}

/**
 * What the run itself was asked to prove, besides its checks. Whatever ended the run early fails or errs here, so that a check that is merely skipped for
 * that reason never leaves the suite green.
 */
function planRunCases(record: RunRecord): readonly TestCase[] {
  const { outcome, summary, atMs } = record.verdict;
  const code = record.verdict.problems[0]?.code ?? outcome;
  const told = { seconds: atMs / 1000, type: code, message: summary, text: formatProblems(record) };
  const passed = { seconds: 0, outcome: "passed", type: "", message: "", text: "" } as const;
  const skipped = { ...passed, outcome: "skipped", message: summary } as const;
  const broken = outcome === "environment-failed" || outcome === "aborted";
  return [
    { name: "run comes to a verdict", ...(broken ? { ...told, outcome: "error" as const } : passed) },
    {
      name: "guest stays alive",
      ...(outcome === "guest-failed"
        ? { ...told, outcome: "failure" as const }
        : outcome === "environment-failed"
          ? skipped
          : passed),
    },
    {
      name: "cluster becomes Ready",
      ...(outcome === "ready"
        ? { ...passed, seconds: atMs / 1000 }
        : outcome === "not-ready"
          ? { ...told, outcome: "failure" as const }
          : skipped),
    },
  ];
}

function planCheckCase(check: RunRecord["checks"][number], record: RunRecord): TestCase {
  const message = [check.reason, check.message].filter((part) => part !== "").join(": ");
  const base = { name: check.name, seconds: (check.atMs ?? 0) / 1000, type: check.reason, message, text: message };
  if (check.outcome === "passed") return { ...base, outcome: "passed" };
  if (check.outcome === "failed") return { ...base, outcome: "failure" };
  if (record.verdict.outcome === "ready") {
    const contradiction = "the run was called Ready, yet this was never judged: a bug in meta-k3s";
    return { ...base, outcome: "error", type: "NOT_JUDGED", message: contradiction, text: contradiction };
  }
  return { ...base, outcome: "skipped", message: message === "" ? record.verdict.summary : message };
}

/**
 * The run as JUnit XML, as GitHub's, GitLab's and Jenkins's readers take it: one suite, a case for each check and three for the run itself. A product
 * that falls short is a failure; a host that could not run it, or a run that was stopped, is an error; what could not be judged for either reason is skipped.
 */
export function renderJunit(record: RunRecord): string {
  const cases = [...planRunCases(record), ...record.checks.map((check) => planCheckCase(check, record))];
  const count = (outcome: TestCase["outcome"]): string => String(cases.filter((testCase) => testCase.outcome === outcome).length);
  const totals = {
    tests: String(cases.length),
    failures: count("failure"),
    errors: count("error"),
    skipped: count("skipped"),
    time: (record.durationMs / 1000).toFixed(3),
  };
  const name = `meta-k3s ${formatForeignLine(record.name)}`;
  // XML 1.0 cannot hold most control characters, not even escaped; a guest's log can.
  const root = create({ version: "1.0", encoding: "UTF-8", invalidCharReplacement: "\uFFFD" }).ele("testsuites", {
    name,
    ...totals,
  });
  const suite = root.ele("testsuite", { name, ...totals, timestamp: record.startedAt.replace(/(?:\.\d+)?Z$/u, "") });

  const properties = suite.ele("properties");
  const machine = record.machines[0];
  for (const [key, value] of Object.entries({
    command: record.command,
    "meta-k3s": record.toolVersion,
    verdict: record.verdict.outcome,
    accelerator: machine?.accelerator ?? "",
    k3s: machine?.guest.k3sVersion ?? "",
    "stand-in": String(record.machines.some((one) => one.guest.standIn)),
  })) {
    properties.ele("property", { name: key, value: formatForeignLine(value) });
  }

  for (const testCase of cases) {
    const element = suite.ele("testcase", {
      name: formatForeignLine(testCase.name),
      classname: name,
      time: testCase.seconds.toFixed(3),
    });
    const message = formatForeignLine(testCase.message).slice(0, 1000).toWellFormed();
    const text = formatForeignText(testCase.text).slice(0, textLimit).toWellFormed();
    if (testCase.outcome === "skipped") element.ele("skipped", { message });
    else if (testCase.outcome !== "passed")
      element.ele(testCase.outcome, { message, type: formatForeignLine(testCase.type) }).txt(text);
  }
  return `${root.end({ prettyPrint: true })}\n`;
}
