import { existsSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GuestShell } from "./guest-shell.ts";
import { openSsh } from "./open-ssh.ts";
import { openTestContext } from "./testing/open-test-context.ts";
import { spawnKey, spawnSshd, type TestSshd } from "./testing/spawn-sshd.ts";

async function listen(server: Server): Promise<number> {
  return await new Promise((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address();
      resolve(address !== null && typeof address === "object" ? address.port : 0);
    });
  });
}

async function readText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe("a shell over a real sshd", () => {
  let sshd: TestSshd;
  let shell: GuestShell;
  beforeAll(async () => {
    sshd = await spawnSshd();
    shell = await openSsh(openTestContext().ctx, sshd.endpoint, { timeoutMs: 30_000 });
  });
  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
  });

  test("run tells status, stdout and stderr apart", async () => {
    expect(await shell.run("echo out; echo err >&2; exit 3")).toEqual({
      status: 3,
      signalName: undefined,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("run gives input, and end of file without it", async () => {
    expect((await shell.run("cat", { input: "päckchen" })).stdout).toBe("päckchen");
    expect((await shell.run("cat")).stdout).toBe("");
  });

  test("run tells the signal that ended a command", async () => {
    expect(await shell.run("kill -TERM $$")).toMatchObject({ status: undefined, signalName: "SIGTERM" });
  });

  test("runCheck throws what the command said", async () => {
    await expect(shell.runCheck("echo no such thing >&2; exit 7")).rejects.toMatchObject({
      code: "GUEST_COMMAND",
      message: expect.stringMatching(/exit status 7.*no such thing/) as string,
    });
  });

  test("a command that takes too long is ended and named", async () => {
    await expect(shell.run("echo $$ >pid-of-it; exec sleep 600", { timeoutMs: 300 })).rejects.toMatchObject({
      code: "GUEST_COMMAND_TIMEOUT",
    });
    await shell.run("rm -f pid-of-it");
  });

  test("several commands run at once over one connection", async () => {
    const before = sshd.connections;
    // sshd takes ten sessions (MaxSessions), and those of the tests before may not be gone yet.
    const results = await Promise.all(Array.from({ length: 6 }, (_value, index) => shell.run(`echo ${index}`)));
    expect(results.map((result) => result.stdout.trim())).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(sshd.connections).toBe(before);
  });

  test("no end of a quick command is missed", async () => {
    for (let round = 0; round < 60; round += 1) expect(await shell.run("exit 5")).toMatchObject({ status: 5 });
  });

  test("large output arrives whole", async () => {
    const result = await shell.run("head -c 3000000 /dev/zero | tr '\\0' x");
    expect(result.stdout).toHaveLength(3_000_000);
  });

  test("a stream gives output while the command runs, and disposing it ends the command", async () => {
    const marker = join(sshd.folder, "ended");
    const stream = await shell.stream(
      `trap 'touch ${marker}; exit' TERM HUP PIPE; echo first; while :; do sleep 0.05; echo more; done`,
    );
    for await (const chunk of stream.stdout) {
      expect(Buffer.from(chunk).toString()).toMatch(/^first/);
      break;
    }
    await stream[Symbol.asyncDispose]();
    await shell.runCheck(`until [ -e ${marker} ]; do sleep 0.05; done`, { timeoutMs: 20_000 });
  });

  test("a stream that ends by itself tells how", async () => {
    const stream = await shell.stream("echo one; echo two >&2; exit 4");
    expect(await readText(stream.stdout)).toBe("one\n");
    expect(await stream.ended).toMatchObject({ status: 4, stderr: "two\n" });
  });

  test("writeFile puts content in place with its mode and leaves nothing beside it", async () => {
    const folder = mkdtempSync(join(sshd.folder, "write-"));
    const path = join(folder, "it's a token");
    await shell.writeFile(path, "secret\n", { mode: 0o600 });
    expect(readFileSync(path, "utf8")).toBe("secret\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await shell.writeFile(path, Buffer.from([0, 1, 255]), { mode: 0o644 });
    expect([...readFileSync(path)]).toEqual([0, 1, 255]);
    expect(existsSync(`${path}.part`)).toBe(false);
    await expect(shell.writeFile(join(folder, "no/such/folder"), "x", { mode: 0o600 })).rejects.toMatchObject({
      code: "GUEST_COMMAND",
    });
  });

  test("connect reaches a port of the guest and tells a closed one", async () => {
    const server = createServer((socket) => socket.end("hello from the guest"));
    const port = await listen(server);
    const channel = await shell.connect({ host: "127.0.0.1", port });
    channel.end();
    expect(await readText(channel)).toBe("hello from the guest");
    await new Promise((resolve) => {
      server.close(resolve);
    });
    await expect(shell.connect({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "GUEST_PORT_CLOSED" });
  });

  test("forward serves a port of the guest on the host until it is disposed", async () => {
    const server = createServer((socket) => socket.pipe(socket));
    const port = await listen(server);
    const forward = await shell.forward({ host: "127.0.0.1", port });
    const socket = createConnection({ host: "127.0.0.1", port: forward.port });
    socket.end("there and back");
    expect(await readText(socket as AsyncIterable<Uint8Array>)).toBe("there and back");
    await forward[Symbol.asyncDispose]();
    const refused = new Promise((_resolve, reject) => {
      createConnection({ host: "127.0.0.1", port: forward.port }).once("error", reject);
    });
    await expect(refused).rejects.toMatchObject({ code: "ECONNREFUSED" });
    server.close();
  });

  test("the host key that was seen is given", () => {
    expect(shell.hostKey).toBe(sshd.hostKey);
  });
});

describe("reaching the server", () => {
  test("a server that answers late is waited for, and what was met meanwhile is told", async () => {
    await using sshd = await spawnSshd({ answering: false });
    const seen: string[] = [];
    const opening = openSsh(openTestContext().ctx, sshd.endpoint, { timeoutMs: 60_000, onSeen: (text) => seen.push(text) });
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (seen.length === 0) return;
        clearInterval(timer);
        resolve();
      }, 20);
    });
    sshd.setAnswering(true);
    await using shell = await opening;
    expect((await shell.run("echo ok")).stdout).toBe("ok\n");
    expect(seen).toEqual(["connected, but no SSH server answers"]);
  });

  test("a refused port is waited for until the time is up", async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => {
      server.close(resolve);
    });
    await using sshd = await spawnSshd();
    const opening = openSsh(openTestContext().ctx, { ...sshd.endpoint, port }, { timeoutMs: 1500 });
    await expect(opening).rejects.toMatchObject({ code: "TIMEOUT", lastObservation: "connection refused" });
  });

  test("a server that turns one away, one that closes at once and one that is none are told apart", async () => {
    const closing = createServer((socket) => socket.end());
    const other = createServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const penalty = createServer((socket) => socket.end("Not allowed at this time\r\n"));
    await using sshd = await spawnSshd();
    for (const [server, words] of [
      [penalty, /the SSH server turns connections away for now \(it says "Not allowed at this time"\)/],
      [closing, /closed before any SSH server answered/],
      [other, /what answers is no SSH server \(it says "HTTP/],
    ] as const) {
      const port = await listen(server);
      const opening = openSsh(openTestContext().ctx, { ...sshd.endpoint, port }, { timeoutMs: 1500 });
      await expect(opening).rejects.toMatchObject({ code: "TIMEOUT", lastObservation: expect.stringMatching(words) as string });
      server.close();
    }
  });

  test("a refused key ends it at once and names key and user", async () => {
    await using sshd = await spawnSshd();
    const privateKeyPath = join(sshd.folder, "stranger");
    spawnKey(privateKeyPath);
    const opening = openSsh(openTestContext().ctx, { ...sshd.endpoint, privateKeyPath }, { timeoutMs: 600_000 });
    await expect(opening).rejects.toMatchObject({ code: "SSH_AUTH", message: expect.stringContaining(privateKeyPath) as string });
  });

  test("a key file that is not there is a mistake of the caller", async () => {
    await using sshd = await spawnSshd();
    const opening = openSsh(openTestContext().ctx, { ...sshd.endpoint, privateKeyPath: "/no/such/key" }, { timeoutMs: 600_000 });
    await expect(opening).rejects.toMatchObject({ code: "CONFIG" });
  });

  test("a foreign host key ends it at once, before any login", async () => {
    await using sshd = await spawnSshd();
    const hostKey = spawnKey(join(sshd.folder, "other-host"));
    const opening = openSsh(openTestContext().ctx, { ...sshd.endpoint, hostKey }, { timeoutMs: 600_000 });
    await expect(opening).rejects.toMatchObject({ code: "SSH_HOST_KEY" });
  });

  test("a pinned key of a kind the server has not is a foreign host key", async () => {
    await using sshd = await spawnSshd();
    const opening = openSsh(
      openTestContext().ctx,
      { ...sshd.endpoint, hostKey: "ecdsa-sha2-nistp256 AAAA" },
      { timeoutMs: 600_000 },
    );
    await expect(opening).rejects.toMatchObject({ code: "SSH_HOST_KEY" });
  });

  test("without a pinned key the first one seen is given", async () => {
    await using sshd = await spawnSshd();
    await using shell = await openSsh(openTestContext().ctx, { ...sshd.endpoint, hostKey: undefined }, { timeoutMs: 60_000 });
    expect(shell.hostKey).toBe(sshd.hostKey);
  });

  test("an abort ends the attempts", async () => {
    await using sshd = await spawnSshd({ answering: false });
    const context = openTestContext();
    const opening = openSsh(context.ctx, sshd.endpoint, { timeoutMs: 600_000 });
    context.abort();
    await expect(opening).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("the caller's signal ends the attempts", async () => {
    await using sshd = await spawnSshd({ answering: false });
    const machineGone = new AbortController();
    const opening = openSsh(openTestContext().ctx, sshd.endpoint, { timeoutMs: 600_000, signal: machineGone.signal });
    machineGone.abort();
    await expect(opening).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("a lost connection", () => {
  test("rejects what is under way and what comes after, and closes the shell", async () => {
    await using sshd = await spawnSshd();
    await using shell = await openSsh(openTestContext().ctx, sshd.endpoint, { timeoutMs: 60_000 });
    const stream = await shell.stream("echo started; sleep 600");
    for await (const chunk of stream.stdout) {
      expect(Buffer.from(chunk).toString()).toBe("started\n");
      break;
    }
    const running = shell.run("sleep 600").catch((error: unknown) => error);
    sshd.cut();
    await shell.closed;
    expect(await running).toMatchObject({ code: "SSH_LOST" });
    await expect(stream.ended).rejects.toMatchObject({ code: "SSH_LOST" });
    await expect(shell.run("true")).rejects.toMatchObject({ code: "SSH_LOST" });
  });

  test("a server that forbids forwarding is named", async () => {
    await using sshd = await spawnSshd({ allowForwarding: false });
    await using shell = await openSsh(openTestContext().ctx, sshd.endpoint, { timeoutMs: 60_000 });
    await expect(shell.connect({ host: "127.0.0.1", port: 22 })).rejects.toMatchObject({ code: "SSH_FORWARD_REFUSED" });
  });
});
