import { defineCommand } from "../cli/command.ts";
import type { CommandResult } from "../cli/command.ts";
import { EXIT } from "../core/exit-codes.ts";
import type { HostCheck, Purpose } from "../host/host-need.ts";
import { formatHostChecks } from "../host/format-host-checks.ts";
import { readHostChecks, runPreflight } from "../host/run-doctor.ts";
import { readBuildChecks } from "../yocto/read-build-checks.ts";

function toResult(checks: readonly HostCheck[]): CommandResult {
  const healthy = checks.every((check) => check.status !== "missing");
  return { text: formatHostChecks(checks), json: { checks }, exitCode: healthy ? EXIT.ok : EXIT.environment };
}

export const doctorCommand = defineCommand({
  name: "doctor",
  describe: "Check this machine for what meta-k3s needs, with the command that repairs each lack",
  options: {
    install: {
      type: "boolean",
      default: false,
      describe: "install what is missing with apt-get (Debian, Ubuntu; as root or with sudo)",
    },
    for: {
      type: "string",
      array: true,
      choices: ["demo", "test", "foreign"],
      describe: "what to check for: the demo, the project's tests, machines of another architecture (default: demo)",
    },
    build: {
      type: "boolean",
      default: false,
      describe: "check for a build with Yocto: everything that would stop BitBake later",
    },
    dir: { type: "string", valueName: "DIR", describe: "work folder of the build (default: build/yocto here)" },
  },
  examples: [
    ["doctor", "what is there, what is missing"],
    ["doctor --install --for demo --for test", "install what the demo and the tests need"],
    ["doctor --build", "can this machine build with Yocto"],
  ],
  handler: async (args, ctx) => {
    if (args.build) return toResult(await readBuildChecks(ctx, args.dir));
    const purposes = (args.for ?? ["demo"]) as readonly Purpose[];
    const checks = args.install ? await runPreflight(ctx, { purposes, install: true }) : await readHostChecks(ctx, purposes);
    return toResult(checks);
  },
});
