import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openContext } from "./testing/open-context.ts";
import { openGo } from "./testing/open-go.ts";

const SOURCE = fileURLToPath(new URL("../../recipes-containers/k3s/files/run_bundled_commands.go", import.meta.url));
/** As k3s's own main does: it looks for its name first, and takes the words after it for that program's. */
const MAIN = `package main

import "fmt"
import "os"

func main() { fmt.Print(os.Args) }
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meta-k3s-bundled-"));
  await writeFile(join(folder, "go.mod"), "module example.com/k3s\n");
  await writeFile(join(folder, "main.go"), MAIN);
  await cp(SOURCE, join(folder, "run_bundled_commands.go"));
  const path = await openGo(openContext(folder, process.env), "1.21");
  await execa("go", ["build", "-o", "k3s", "."], {
    cwd: folder,
    env: { PATH: path, GOFLAGS: "-buildvcs=false", GOTOOLCHAIN: "local" },
  });
  await symlink("k3s", join(folder, "kubectl"));
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  ["k3s", ["kubectl", "get", "nodes"], "[kubectl get nodes]"],
  ["k3s", ["crictl", "ps"], "[crictl ps]"],
  ["k3s", ["ctr"], "[ctr]"],
  ["k3s", ["server", "kubectl"], "[./k3s server kubectl]"],
  ["k3s", [], "[./k3s]"],
  ["kubectl", ["ctr", "ps"], "[./kubectl ctr ps]"],
])("%s %j is run as %s", async (program, words, args) => {
  expect((await execa(`./${program}`, words, { cwd: folder })).stdout).toBe(args);
});
