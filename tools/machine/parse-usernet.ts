/**
 * Finds the port on 127.0.0.1 that QEMU forwards to the guest's port 22 in what the monitor command `info usernet` prints (net/slirp.c of
 * libslirp: Protocol[State], FD, source address and port, destination address and port); undefined when there is none.
 */
export function parseSshPort(text: string): number | undefined {
  const match = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+22\s/mu.exec(text);
  return match === null ? undefined : Number(match[1]);
}
