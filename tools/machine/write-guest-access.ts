import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Context } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import type { GuestAccess, GuestFile, GuestHandOver, SshEndpoint } from "./machine.ts";
import type { Architecture } from "./machine-spec.ts";
import { takesHandOverDisk } from "./plan-hand-over-disk.ts";
import type { GuestCredential } from "./plan-qemu-argv.ts";
import { writeHandOverDisk } from "./write-hand-over-disk.ts";

/** The way into one guest: the endpoint but for its port, and what the guest is handed. */
export interface WrittenAccess {
  readonly endpoint: Omit<SshEndpoint, "host" | "port">;
  readonly credentials: readonly GuestCredential[];
  /** A disk with credentials, for guests that QEMU cannot hand any. */
  readonly handOverDisk: string | undefined;
}

const GUEST_FOLDER = "/run/meta-k3s";

/**
 * A sshd that knows only the key of this run, whatever keys the image carries or would make at first boot, and that accepts the key of this
 * run for every user. In an overlay, so the image itself stays as it is.
 */
const SSHD_CONFIG = `HostKey ${GUEST_FOLDER}/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys ${GUEST_FOLDER}/authorized_keys
PermitRootLogin prohibit-password
`;

function formatTmpfilesLine(path: string, mode: string, content: string): string {
  // "f+" replaces what is there; "~" takes the content as base64 (tmpfiles.d(5)).
  return `f+~ ${path} ${mode} root root - ${Buffer.from(content).toString("base64")}\n`;
}

function formatHandedFile(file: GuestFile): string {
  return `d ${dirname(file.path)} 0755 root root -\n${formatTmpfilesLine(file.path, file.mode, file.content)}`;
}

async function makeKeyPair(ctx: Context, path: string): Promise<{ privateKey: string; publicKey: string }> {
  await ctx.exec.runCheck(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "meta-k3s", "-f", path], { timeoutMs: 30_000 });
  const publicKey = await readFile(`${path}.pub`, "utf8");
  return { privateKey: await readFile(path, "utf8"), publicKey: publicKey.trim().split(" ").slice(0, 2).join(" ") };
}

async function writeCredential(folder: string, name: string, content: string): Promise<GuestCredential> {
  const path = join(folder, `credential-${name}`);
  const smbiosPath = `${path}.smbios`;
  await writeFile(path, content, { mode: 0o600 });
  await writeFile(smbiosPath, `io.systemd.credential.binary:${name}=${Buffer.from(content).toString("base64")}`, { mode: 0o600 });
  return { name, path, smbiosPath };
}

/**
 * Makes the keys of one run in `folder` (private to the user) and the systemd credentials that hand them to the guest: an authorised key
 * and the guest's own host key, so that it is known before the first connection. The guest needs systemd 252 or newer, OpenSSH with
 * sshd_config.d, and a kernel with fw_cfg (FW_CFG_SYSFS) or, on x86, DMI in sysfs (DMI_SYSFS); on 32-bit Arm systemd 254, for they come on
 * a disk. With the user's own key nothing is handed over. Throws ConfigError when that key cannot be read, when files are to be handed over
 * nevertheless, or for credentials that a disk is too late for.
 */
export async function writeGuestAccess(
  ctx: Context,
  options: { arch: Architecture; access: GuestAccess; handOver: GuestHandOver; folder: string },
): Promise<WrittenAccess> {
  const { arch, access, handOver, folder } = options;
  if (access.kind === "own-key") {
    if (handOver.files.length + handOver.credentials.length > 0) {
      throw new ConfigError("an image that is reached with a key of the user's own is handed no files", {
        hint: "leave --ssh-key out: an image with systemd 252 or newer takes keys and files from outside",
      });
    }
    const privateKeyPath = resolve(ctx.cwd, access.privateKeyPath);
    await readFile(privateKeyPath).catch((cause: unknown) => {
      throw new ConfigError(`cannot read the SSH key ${access.privateKeyPath}`, { hint: "give the private key's file", cause });
    });
    return { endpoint: { user: access.user, privateKeyPath, hostKey: undefined }, credentials: [], handOverDisk: undefined };
  }
  const privateKeyPath = join(folder, "id");
  const user = await makeKeyPair(ctx, privateKeyPath);
  const host = await makeKeyPair(ctx, join(folder, "host-key"));
  const tmpfiles =
    `d ${GUEST_FOLDER} 0755 root root -\n` +
    formatTmpfilesLine(`${GUEST_FOLDER}/ssh_host_ed25519_key`, "0600", host.privateKey) +
    formatTmpfilesLine(`${GUEST_FOLDER}/authorized_keys`, "0644", `${user.publicKey}\n`) +
    "d /etc/ssh/sshd_config.d 0755 root root -\n" +
    formatTmpfilesLine("/etc/ssh/sshd_config.d/00-meta-k3s.conf", "0644", SSHD_CONFIG) +
    handOver.files.map(formatHandedFile).join("");
  const endpoint = { user: access.user, privateKeyPath, hostKey: host.publicKey };
  const own = [
    { name: "tmpfiles.extra", content: tmpfiles },
    { name: "ssh.authorized_keys.root", content: `${user.publicKey}\n` },
  ];
  if (takesHandOverDisk(arch)) {
    const [early] = handOver.credentials;
    if (early !== undefined) {
      throw new ConfigError(`an ${arch} guest cannot be handed the credential ${early.name}: its disk is mounted too late for it`, {
        hint: "hand over a file",
      });
    }
    return { endpoint, credentials: [], handOverDisk: await writeHandOverDisk(ctx, { folder, credentials: own }) };
  }
  return {
    endpoint,
    credentials: await Promise.all(
      [...own, ...handOver.credentials].map(({ name, content }) => writeCredential(folder, name, content)),
    ),
    handOverDisk: undefined,
  };
}
