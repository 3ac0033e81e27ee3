import { rm } from "node:fs/promises";
import type { Context } from "../../tools/core/context.ts";
import { PreflightError } from "../../tools/core/errors.ts";

/** How files of other owners than oneself (a root filesystem's) are made on this host. */
export interface Privilege {
  readonly kind: "root" | "namespace" | "sudo";
  /** Put before a command, it lets the command own and give away files. */
  readonly prefix: readonly string[];
}

const NAMESPACE = ["unshare", "--map-auto", "--map-root-user", "--"];

/** Being root, or a user namespace with subordinate ids (uidmap), or sudo without a password. Throws PreflightError when there is none of them. */
export async function openPrivilege(ctx: Context, uid: number): Promise<Privilege> {
  if (uid === 0) return { kind: "root", prefix: [] };
  const namespace = await ctx.exec.run([...NAMESPACE, "true"]);
  if (namespace.status === 0) return { kind: "namespace", prefix: NAMESPACE };
  const sudo = await ctx.exec.run(["sudo", "-n", "true"]);
  if (sudo.status === 0) return { kind: "sudo", prefix: ["sudo", "-n"] };
  throw new PreflightError("cannot make a root filesystem: it takes root, a user namespace or sudo without a password", {
    checks: [
      {
        name: "user namespaces",
        found: namespace.stderr.trim().split("\n").at(-1) ?? "",
        repair: "sudo apt-get install -y uidmap, and a line for your user in /etc/subuid and /etc/subgid",
      },
      { name: "sudo without a password", found: sudo.notFound ? "not installed" : "refused", repair: "sudo -v, then again" },
    ],
    hint: "install uidmap, run sudo -v first, or run as root",
  });
}

/** Deletes a folder whatever its files' owners. Works while the context is aborted where root's rights are not needed. */
export async function removeTree(ctx: Context, privilege: Privilege, path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (privilege.prefix.length === 0 || ctx.signal.aborted) throw error;
    await ctx.exec.runCheck([...privilege.prefix, "rm", "-rf", "--", path]);
  }
}
