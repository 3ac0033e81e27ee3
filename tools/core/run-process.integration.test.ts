import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a spawned process dies with the tool, even when the tool is killed with SIGKILL", async () => {
  const folder = await mkdtemp(join(tmpdir(), "meta-k3s-death-"));
  const script = join(folder, "tool.ts");
  await writeFile(
    script,
    `import { openExec } from ${JSON.stringify(new URL("run-process.ts", import.meta.url).href)};
     const exec = openExec({ cwd: "/", env: process.env, signal: new AbortController().signal });
     const child = await exec.spawn(["sleep", "600"], { outputFile: ${JSON.stringify(join(folder, "log"))} });
     console.log(child.pid);
     setInterval(() => undefined, 1000);`,
  );
  const tool = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: tool.stdout }), "line")) as [string];
  const childPid = Number(line);
  expect(isAlive(childPid)).toBe(true);
  tool.kill("SIGKILL");
  await once(tool, "exit");
  await expect.poll(() => isAlive(childPid), { timeout: 10_000 }).toBe(false);
  await rm(folder, { recursive: true });
});
