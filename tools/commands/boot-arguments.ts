import type { Arguments } from "../cli/command.ts";
import { UsageError } from "../core/errors.ts";
import type { BootOptions, BootTestOptions } from "../boot-test/boot-test.ts";
import type { ImageToBoot } from "../yocto/read-image.ts";
import { parseMemoryMib } from "../machine/parse-memory.ts";

/** Options of every command that boots a machine. */
export const bootArguments = {
  memory: {
    type: "string",
    describe: "memory of the machine in MiB (or with a unit: 4GiB); at least 2048 unless told",
    valueName: "MIB",
  },
  cpus: { type: "number", describe: "virtual CPUs (default: the image's, at least 2)" },
  accel: {
    type: "string",
    choices: ["auto", "kvm", "tcg"],
    default: "auto",
    describe: "auto takes KVM where a guest was seen to run under it",
  },
  launcher: {
    type: "string",
    choices: ["qemu", "runqemu"],
    describe: "start QEMU directly, or through OpenEmbedded's runqemu (default: runqemu for what was built here, else qemu)",
  },
  runqemu: { type: "string", describe: "path of runqemu, where it is not on PATH" },
  "ssh-port": { type: "number", describe: "port on 127.0.0.1 for SSH (default: a free one, chosen by QEMU)" },
  "ssh-user": { type: "string", describe: "user to log in as (default: root)" },
  "ssh-key": { type: "string", describe: "private key for images that take no key from outside" },
} as const;

/** What `boot` and `test` act on, and where it was built. */
export const imagePositional = {
  type: "string",
  describe: "a machine that was built (qemux86-64, qemuarm64, qemuarm), or any *.qemuboot.conf",
  required: true,
} as const;
export const imageArguments = {
  dir: { type: "string", valueName: "DIR", describe: "work folder of the build (default: build/yocto here)" },
} as const;

/** Options of every command that judges. */
export const judgeArguments = {
  timeout: {
    type: "number",
    describe: "seconds from power-on until all must be Ready; 900 without it, 2400 for an emulated 32-bit Arm",
    valueName: "SECONDS",
  },
  stability: { type: "number", default: 10, describe: "seconds that all must hold undisturbed" },
  junit: { type: "string", describe: "also write the JUnit report to this file" },
} as const;

/** What a command line says of the judging. */
export function toJudgeOptions(
  args: Arguments<typeof judgeArguments>,
): Pick<BootTestOptions, "timeoutMs" | "stabilityMs" | "junitPath"> {
  return {
    timeoutMs: args.timeout === undefined ? undefined : args.timeout * 1000,
    stabilityMs: args.stability * 1000,
    junitPath: args.junit,
  };
}

/** The machine's part of a command line. Throws UsageError for memory that is no amount. */
export function toBootOptions(args: Arguments<typeof bootArguments>, path: string): BootOptions {
  const memoryMib = args.memory === undefined ? undefined : parseMemoryMib(args.memory);
  if (args.memory !== undefined && memoryMib === undefined) {
    throw new UsageError(`--memory takes an amount in MiB, not "${args.memory}"`, {
      hint: "write --memory 2048, or --memory 2GiB",
    });
  }
  return {
    path,
    launcher: args.launcher === "runqemu" ? "runqemu" : "qemu",
    runqemuPath: args.runqemu,
    machine: {
      memoryMib,
      cpus: args.cpus,
      accelerator: args.accel as "auto" | "kvm" | "tcg",
      sshPort: args["ssh-port"],
      sshUser: args["ssh-user"],
      sshKeyPath: args["ssh-key"],
    },
  };
}

/** As toBootOptions; an image that was built here is started with its own build's runqemu unless told otherwise. */
export function toImageOptions(args: Arguments<typeof bootArguments>, image: ImageToBoot): BootOptions {
  const { qemubootPath, runqemu } = image;
  const launcher = args.launcher ?? (runqemu === undefined ? "qemu" : "runqemu");
  return {
    ...toBootOptions({ ...args, launcher }, qemubootPath),
    runqemuPath: args.runqemu ?? runqemu?.runqemuPath,
    runqemuEnvironment: runqemu?.environment,
  };
}
