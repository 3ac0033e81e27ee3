/** Exit codes of `./meta-k3s`, by who has to act. docs/exit-codes.md explains them to users; the numbers are stable. */
export const EXIT = {
  ok: 0,
  /** The user: the command line or a file given is wrong. */
  usage: 2,
  /** The host: something it needs is missing. */
  environment: 3,
  /** A program that was run, or a download, failed. */
  command: 4,
  /** The product: not Ready within its time. */
  timeout: 5,
  /** The product: the guest or its cluster failed. */
  guest: 6,
  /** Generated files are not up to date. */
  drift: 7,
  /** Something fetched is not what was pinned. */
  integrity: 8,
  /** A bug in meta-k3s itself (EX_SOFTWARE of sysexits.h). */
  bug: 70,
  /** Stopped by SIGINT (128 + 2) or SIGTERM. */
  aborted: 130,
} as const;
