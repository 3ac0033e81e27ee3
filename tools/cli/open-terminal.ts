import type { Terminal } from "./run-cli.ts";

/** The real terminal: aborts on the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once, as impatient users expect. */
export function openTerminal(): Terminal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => {
      controller.abort(new Error(`received ${name}`));
    });
  }
  return { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), signal: controller.signal };
}
