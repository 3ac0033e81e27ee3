import type { Socket } from "node:net";
import { z } from "zod";
import type { Context } from "../core/context.ts";
import { GuestError } from "../core/errors.ts";
import { openSocket } from "./open-socket.ts";

/** An event that QEMU reported (docs/interop/qmp-spec). */
export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU's control connection, capabilities negotiated. */
export interface Qmp {
  /** Gives the command's return value. Throws GuestError when QEMU answers with an error, is gone, or does not answer for 30 s. */
  command(name: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Resolves when QEMU has closed the connection, which it does when it ends. */
  readonly closed: Promise<void>;
}

export interface QmpListener extends AsyncDisposable {
  /** Resolves once QEMU has connected and answered; rejects when it closes the connection before. */
  readonly connected: Promise<Qmp>;
}

const COMMAND_TIMEOUT_MS = 30_000;

const messageSchema = z.union([
  z.object({ event: z.string(), data: z.record(z.string(), z.unknown()).optional() }),
  z.object({ id: z.number(), return: z.unknown() }),
  z.object({ id: z.number().optional(), error: z.object({ class: z.string(), desc: z.string() }) }),
  z.object({ QMP: z.unknown() }),
]);

interface Pending {
  readonly name: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: GuestError) => void;
}

function talk(ctx: Pick<Context, "clock">, socket: Socket, onEvent: (event: QmpEvent) => void): Qmp {
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let open = true;
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      open = false;
      for (const { name, reject } of pending.values()) {
        reject(new GuestError(`QEMU ended before it answered ${name}`, { code: "QEMU_GONE" }));
      }
      pending.clear();
      resolve();
    });
  });

  function take(line: string): void {
    const message = messageSchema.safeParse(JSON.parse(line)).data;
    if (message === undefined || "QMP" in message) return;
    if ("event" in message) {
      onEvent({ name: message.event, data: message.data ?? {} });
      return;
    }
    const waiter = message.id === undefined ? undefined : pending.get(message.id);
    if (waiter === undefined || message.id === undefined) return;
    pending.delete(message.id);
    if ("error" in message) {
      waiter.reject(new GuestError(`QEMU refused ${waiter.name}: ${message.error.desc}`, { code: "QMP_ERROR" }));
    } else {
      waiter.resolve(message.return);
    }
  }

  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") take(line);
  });

  async function command(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (!open) throw new GuestError(`QEMU has ended, so it cannot do ${name}`, { code: "QEMU_GONE" });
    const id = nextId;
    nextId += 1;
    const answered = new AbortController();
    const answer = new Promise<unknown>((resolve, reject) => {
      pending.set(id, { name, resolve, reject });
      socket.write(`${JSON.stringify({ execute: name, arguments: args, id })}\n`);
    });
    const tooLate = ctx.clock.sleep(COMMAND_TIMEOUT_MS, answered.signal).then(() => {
      pending.delete(id);
      throw new GuestError(`QEMU did not answer ${name} within ${COMMAND_TIMEOUT_MS / 1000} s`, { code: "QMP_TIMEOUT" });
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      tooLate.catch(() => undefined);
      answered.abort();
    }
  }

  return { command, closed };
}

/**
 * Listens on a Unix socket for QEMU's control connection (`-chardev socket,path=…` without server=on), so that nothing has to be polled
 * for. `onEvent` is called with every event from the first one on.
 */
export async function openQmp(
  ctx: Pick<Context, "clock">,
  options: { path: string; onEvent: (event: QmpEvent) => void },
): Promise<QmpListener> {
  const listener = await openSocket(options.path);
  const connected = listener.connected.then(async (socket) => {
    const qmp = talk(ctx, socket, options.onEvent);
    await qmp.command("qmp_capabilities");
    return qmp;
  });
  connected.catch(() => undefined);
  return { connected, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() };
}
