import { dirname } from "node:path";
import type { Context } from "../../tools/core/context.ts";
import { CommandError } from "../../tools/core/errors.ts";
import type { Privilege } from "./open-privilege.ts";
import { SUITE } from "./plan-rootfs.ts";

/**
 * The mirror that this host takes Debian from, or undefined where it is no Debian (mmdebstrap has its own default then). META_K3S_DEBIAN_MIRROR
 * overrides it.
 */
export async function readMirror(ctx: Context): Promise<string | undefined> {
  const given = ctx.env["META_K3S_DEBIAN_MIRROR"];
  if (given !== undefined && given !== "") return given;
  const targets = await ctx.exec.run([
    "apt-get",
    "indextargets",
    "--format",
    "$(SITE)",
    "Origin: Debian",
    "Label: Debian",
    "Created-By: Packages",
  ]);
  if (targets.status !== 0) return undefined;
  return targets.stdout.split("\n").find((site) => /^https?:\/\//u.test(site));
}

/** Proxies that apt was given in its configuration; mmdebstrap reads none of the host's. */
async function readAptProxies(ctx: Context): Promise<readonly string[]> {
  const dump = await ctx.exec.run(["apt-config", "dump"]);
  if (dump.status !== 0) return [];
  return dump.stdout.split("\n").filter((line) => /^Acquire::(?:http|https)::Proxy(?:::\S+)? "./u.test(line));
}

function describeFailure(error: CommandError): CommandError {
  const tail = error.outputTail;
  let hint: string | undefined;
  if (/NO_PUBKEY|not signed|GPG error/u.test(tail)) {
    hint =
      "the Debian archive's signature cannot be checked with this host's keys: install a debian-archive-keyring that knows Debian 13";
  } else if (/Hash Sum mismatch|File has unexpected size|Mirror sync in progress/u.test(tail)) {
    hint = "the Debian mirror is being updated; run this again in some minutes, or name another one in META_K3S_DEBIAN_MIRROR";
  } else if (/Could not resolve|Failed to fetch|Unable to connect|Could not connect/u.test(tail)) {
    hint = "the Debian mirror cannot be reached; check the network, or name a mirror in META_K3S_DEBIAN_MIRROR";
  } else if (/exec format error|binfmt|cannot be executed/iu.test(tail)) {
    hint =
      "programs of the guest's architecture cannot run here: install qemu-user-static and binfmt-support; then, as root, " +
      "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc and update-binfmts --enable";
  }
  return new CommandError("mmdebstrap could not do its work", {
    argv: error.argv,
    status: error.status,
    outputTail: tail,
    hint,
    cause: error,
  });
}

/**
 * Has mmdebstrap (1) write `output`, a tar archive of Debian packages, signatures verified by apt. `options` are its arguments up to its mode,
 * output and mirror. Throws CommandError with what to do about a mirror that is away or not in step, a missing key or a foreign architecture
 * that cannot run.
 */
export async function runMmdebstrap(
  ctx: Context,
  job: { options: readonly string[]; output: string; privilege: Privilege },
): Promise<void> {
  const { options, output, privilege } = job;
  const mirror = await readMirror(ctx);
  const proxies = await readAptProxies(ctx);
  const argv = [
    ...(privilege.kind === "sudo" ? privilege.prefix : []),
    "mmdebstrap",
    `--mode=${privilege.kind === "namespace" ? "unshare" : "root"}`,
    ...options,
    ...proxies.map((proxy) => `--aptopt=${proxy.replace(/;$/u, "")}`),
    SUITE,
    output,
    ...(mirror === undefined ? [] : [mirror]),
  ];
  try {
    await ctx.exec.runCheck(argv, {
      // Some hundred MiB: not for a /tmp in memory. In a user namespace the folder must be open to the subordinate ids, which a home is not.
      env: { TMPDIR: privilege.kind === "namespace" ? (ctx.env["TMPDIR"] ?? "/var/tmp") : dirname(output) },
      onLine: (line) => ctx.log.debug(`mmdebstrap: ${line}`),
    });
  } catch (error) {
    throw error instanceof CommandError ? describeFailure(error) : error;
  }
}
