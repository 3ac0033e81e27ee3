import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { SshEndpoint } from "../../machine/machine.ts";

/** OpenSSH's own server for tests: its own keys, no account but the caller's, one process for each connection. */
export interface TestSshd extends AsyncDisposable {
  readonly endpoint: SshEndpoint;
  readonly hostKey: string;
  /** A folder that goes away with the server. */
  readonly folder: string;
  /** First on the PATH of every command: programs placed here stand in for the machine's own. */
  readonly bin: string;
  /** Until `true` connections are accepted and nothing answers, as QEMU's user network does before the guest is up. */
  setAnswering(answering: boolean): void;
  /** Number of connections made so far. */
  readonly connections: number;
  /** Ends every session as a power cut does: the sockets go, nothing is said. */
  cut(): void;
}

const SSHD = "/usr/sbin/sshd";

function findSshd(): string {
  try {
    execFileSync(SSHD, ["-?"], { stdio: "ignore" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new Error(`${SSHD} is missing; these tests need a real SSH server: apt-get install openssh-server`, { cause });
    }
  }
  return SSHD;
}

export function spawnKey(path: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path]);
  return readFileSync(`${path}.pub`, "utf8").trim();
}

/** Writes an executable sh script. */
export function writeScript(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

/** Starts a server on a free port of 127.0.0.1. sshd runs in inetd mode, so the port is this process's from the start: no race for it. */
export async function spawnSshd(options: { allowForwarding?: boolean; answering?: boolean } = {}): Promise<TestSshd> {
  const sshd = findSshd();
  const folder = mkdtempSync(join(tmpdir(), "meta-k3s-sshd-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const hostKey = spawnKey(join(folder, "host")).split(" ").slice(0, 2).join(" ");
  writeFileSync(join(folder, "authorized"), spawnKey(join(folder, "user")));
  const config = join(folder, "sshd_config");
  writeFileSync(
    config,
    [
      `HostKey ${join(folder, "host")}`,
      `AuthorizedKeysFile ${join(folder, "authorized")}`,
      "PidFile none",
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "PermitRootLogin prohibit-password",
      `AllowTcpForwarding ${options.allowForwarding === false ? "no" : "yes"}`,
      `SetEnv PATH=${bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    ].join("\n"),
  );
  // As root, sshd wants its empty folder for privilege separation, which its package makes at boot.
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });

  const children = new Set<ChildProcess>();
  const sockets = new Set<Socket>();
  const waiting: Socket[] = [];
  let answering = options.answering ?? true;
  let connections = 0;
  const serve = (socket: Socket): void => {
    if (socket.destroyed) return;
    const child = spawn(sshd, ["-i", "-e", "-f", config], { stdio: ["pipe", "pipe", "ignore"] });
    children.add(child);
    child.once("exit", () => {
      children.delete(child);
      socket.end();
    });
    child.stdin.on("error", () => undefined);
    socket.on("close", () => child.kill());
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  };
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    if (answering) serve(socket);
    else waiting.push(socket);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address();
      resolve(address !== null && typeof address === "object" ? address.port : 0);
    });
  });

  const cut = (): void => {
    for (const child of children) child.kill("SIGKILL");
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    endpoint: { host: "127.0.0.1", port, user: userInfo().username, privateKeyPath: join(folder, "user"), hostKey },
    hostKey,
    folder,
    bin,
    setAnswering(value) {
      answering = value;
      if (value) for (const socket of waiting.splice(0)) serve(socket);
    },
    get connections() {
      return connections;
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
