import { expect, test } from "vitest";
import { parseSshPort } from "./parse-usernet.ts";

/** Recorded from QEMU 7.2. */
const USERNET =
  "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n" +
  "  TCP[ESTABLISHED]   15       127.0.0.1 50022       10.0.2.15    22     0     0\r\n" +
  "  TCP[HOST_FORWARD]  12       127.0.0.1  2323       10.0.2.15    23     0     0\r\n" +
  "  TCP[HOST_FORWARD]  11       127.0.0.1 44863       10.0.2.15    22     0     0\r\n";

test("the port forwarded to the guest's 22 is found among others", () => {
  expect(parseSshPort(USERNET)).toBe(44_863);
});

test("no such port is told", () => {
  expect(parseSshPort(USERNET.replace(" 44863       10.0.2.15    22 ", " 44863       10.0.2.15    80 "))).toBeUndefined();
});
