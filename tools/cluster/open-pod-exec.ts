import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { z } from "zod";
import type { GuestResult, GuestShell, GuestStream } from "./guest-shell.ts";
import { apiError, KubeStatusError } from "./kube-error.ts";
import { openKubeTls } from "./open-kube-tls.ts";
import type { KubeAccess } from "./parse-kubeconfig.ts";

/** Streams over one WebSocket, each message led by a byte that names its stream (k8s.io/apimachinery: pkg/util/remotecommand/constants.go). */
const PROTOCOL = "v5.channel.k8s.io";
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;

/** How a command ended, as the API server says it: a Status object, with the exit code among its causes (the same file). */
const statusSchema = z.object({
  status: z.enum(["Success", "Failure"]),
  message: z.string().optional(),
  details: z
    .object({ causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).optional() })
    .optional(),
});

export interface PodCommand {
  readonly namespace: string;
  readonly pod: string;
  readonly command: readonly string[];
}

function planPath({ namespace, pod, command }: PodCommand): string {
  const query = new URLSearchParams({ stdout: "true", stderr: "true" });
  for (const word of command) query.append("command", word);
  return `/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query.toString()}`;
}

/** The status of an ended command. Throws GuestError KUBE_API where it was not begun. */
function readStatus(json: string): number {
  const status = statusSchema.parse(JSON.parse(json));
  if (status.status === "Success") return 0;
  const code = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  if (code === undefined) throw apiError(status.message ?? json);
  return Number(code);
}

/**
 * Starts a command in a pod's first container, as `kubectl exec` does, without a process in the guest but the command itself. It gets no standard
 * input; disposing the stream ends the connection, not the command. Throws as openKubeTls, and KubeStatusError when the API server refuses; `ended`
 * rejects with GuestError KUBE_API when the connection was lost first.
 */
export async function openPodExec(
  shell: Pick<GuestShell, "connect">,
  access: KubeAccess,
  command: PodCommand,
): Promise<GuestStream> {
  const { channel, socket } = await openKubeTls(shell, access, "http/1.1");
  const path = planPath(command);
  const webSocket = new WebSocket(`ws://${access.host}:${access.port}${path}`, PROTOCOL, {
    createConnection: () => socket,
    perMessageDeflate: false,
  });
  const streams = { [STDOUT]: new PassThrough(), [STDERR]: new PassThrough() };
  const stderr = text(streams[STDERR]);
  const ending = Promise.withResolvers<GuestResult>();
  ending.promise.catch(() => undefined);
  let status = "";
  let failure: unknown;

  const opened = Promise.withResolvers<void>();
  webSocket.once("open", opened.resolve);
  webSocket.once("unexpected-response", (_, answer) => {
    void text(answer).then((said) => opened.reject(new KubeStatusError(answer.statusCode ?? 0, path, said)), opened.reject);
  });
  webSocket.on("error", (error) => {
    failure = error;
    opened.reject(apiError(error.message, error));
  });
  webSocket.on("message", (data) => {
    const bytes = data as Buffer;
    const stream = bytes[0];
    if (stream === STDOUT || stream === STDERR) streams[stream].write(bytes.subarray(1));
    else if (stream === STATUS) status += bytes.subarray(1).toString("utf8");
  });
  const finish = async (): Promise<GuestResult> => {
    streams[STDOUT].end();
    streams[STDERR].end();
    if (status === "") throw apiError("the connection ended before the command did", failure);
    return { status: readStatus(status), signalName: undefined, stdout: "", stderr: await stderr };
  };
  webSocket.once("close", () => {
    opened.reject(apiError("it closed the connection"));
    finish().then(ending.resolve, ending.reject);
  });
  const onGone = (): void => webSocket.terminate();
  channel.once("close", onGone);
  channel.once("end", onGone);

  const dispose = async (): Promise<void> => {
    webSocket.terminate();
    socket.destroy();
    channel.destroy();
    await ending.promise.catch(() => undefined);
  };
  try {
    await opened.promise;
  } catch (error) {
    await dispose();
    throw error;
  }
  return { stdout: streams[STDOUT], ended: ending.promise, [Symbol.asyncDispose]: dispose };
}
