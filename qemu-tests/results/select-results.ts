import type { TestResult } from "./test-result.ts";

/** What makes two results those of one test: a test of something else says nothing about this. */
export type TestSubject = Pick<TestResult, "test" | "source" | "k3s">;

/** The last result of a test, where there is one of the same source and the same k3s. */
export function selectResult(results: readonly TestResult[], subject: TestSubject): TestResult | undefined {
  return results.findLast(({ test, source, k3s }) => test === subject.test && source === subject.source && k3s === subject.k3s);
}

/** The last result of each test with each k3s, of one source alone, in the order of the list. */
export function selectLastResults(results: readonly TestResult[], source: string): readonly TestResult[] {
  return results.filter((result) => result.source === source && selectResult(results, result) === result);
}
