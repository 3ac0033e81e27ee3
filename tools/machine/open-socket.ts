import { once } from "node:events";
import type { Socket } from "node:net";
import { createServer } from "node:net";

/** A Unix socket that takes one connection. */
export interface SocketListener extends AsyncDisposable {
  /** Resolves with the first connection; never when none comes. */
  readonly connected: Promise<Socket>;
}

/** Listens on `path`, in a folder private to the user. Disposing closes the connection too. Errors are those of node:net. */
export async function openSocket(path: string): Promise<SocketListener> {
  const server = createServer();
  server.maxConnections = 1;
  let connection: Socket | undefined;
  const connected = new Promise<Socket>((resolve) => {
    server.once("connection", (socket) => {
      connection = socket;
      // A reset is followed by "close", which is what the readers of the socket wait for.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
  server.listen(path);
  await once(server, "listening");
  return {
    connected,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        connection?.destroy();
        server.close(() => resolve());
      }),
  };
}
