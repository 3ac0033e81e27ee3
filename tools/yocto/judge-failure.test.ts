import { expect, test } from "vitest";
import { formatFailure, judgeFailure } from "./judge-failure.ts";
import { KNOWN_FAILURES } from "./known-failures.ts";

test.each([
  ["disk full", "tar: ./usr/lib/x.so: Cannot write: No space left on device"],
  ["out of memory", "x86_64-oe-linux-gcc: fatal error: Killed signal terminated program cc1plus"],
  ["out of memory", "k8s.io/kubernetes/pkg/apis: /usr/lib/go/pkg/tool/linux_amd64/compile: signal: killed"],
  ["network", "wget: unable to resolve host address 'cache.example.org'"],
  ["network", "fatal: unable to access 'https://github.com/k3s-io/k3s/': Could not resolve host: github.com"],
  ["checksum", "ERROR: zlib-1.3-r0 do_fetch: Checksum mismatch for local file zlib-1.3.tar.xz"],
  ["no network allowed", "ERROR: Bitbake Fetcher Error: NetworkAccess('https://example.org/quilt.tar.gz', '/usr/bin/env wget')"],
  ["fetch", "ERROR: k3s-1.36.3-r0 do_fetch: Bitbake Fetcher Error: FetchError('Unable to fetch URL from any source.', 'git://x')"],
  ["license", "ERROR: x-1.0-r0 do_populate_lic: QA Issue: x: The LIC_FILES_CHKSUM does not match for file://COPYING"],
  ["patch", "Hunk #2 FAILED at 121."],
  ["not found", "ERROR: Nothing PROVIDES 'core-image-k4s'. Close matches: core-image-k3s"],
  ["user namespaces", "User namespaces are not usable by BitBake, possibly due to AppArmor."],
  ["go toolchain", "go: go.mod requires go >= 1.26.5 (running go 1.25.1; GOTOOLCHAIN=local)"],
  ["go checksum", "verifying github.com/x/y@v1.0.0: checksum mismatch"],
  ["compiler", "main.c:3:5: error: unknown type name 'flaot'"],
])("%s is recognised in: %s", (name, line) => {
  expect(
    judgeFailure(`DEBUG: Executing shell function do_x\n${line}\nWARNING: exit code 1 from a shell command.`).known?.name,
  ).toBe(name);
});

test("every known failure has a cause and a cure", () => {
  const bare = KNOWN_FAILURES.filter(({ cause, cure }) => cause.length < 10 || cure.length < 10);
  expect(bare).toEqual([]);
});

const log = `DEBUG: Executing shell function do_compile
gcc -c a.c
gcc -c b.c
main.c:3:5: error: unknown type name 'flaot'; did you mean 'float'?
make: *** [Makefile:3: main.o] Error 1
${Array.from({ length: 60 }, (_unused, index) => `later line ${index}`).join("\n")}
WARNING: exit code 1 from a shell command.
ERROR: Execution of '/t/run.do_compile.1' failed with exit code 1`;

test("the lines shown are those around the first error, not the frame that BitBake puts around", () => {
  const { lines } = judgeFailure(log);
  expect(lines[2]).toContain("unknown type name");
  expect(lines).toHaveLength(20);
  expect(lines.join("\n")).not.toMatch(/Execution of|DEBUG:/);
});

test("an unknown failure shows the log's end, and says so honestly", () => {
  const explanation = judgeFailure("one\ntwo\nthree");
  expect(explanation).toEqual({ lines: ["one", "two", "three"], known: undefined });
  expect(formatFailure({ recipe: "x", task: "do_y", log: "/t/log" }, explanation)).toBe(
    "x do_y failed\n    one\n    two\n    three\n  log: /t/log",
  );
});

test("a known failure is told with its cure and its log", () => {
  const text = formatFailure({ recipe: "x", task: "do_compile", log: "/t/log" }, judgeFailure(log));
  expect(text).toMatch(/^x do_compile failed: the compiler refused the source\n/);
  expect(text).toMatch(/\n {2}cure: .*\n {2}log: \/t\/log$/);
});
