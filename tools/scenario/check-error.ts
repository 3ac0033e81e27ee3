import { GuestError } from "../core/errors.ts";

/** A scenario's check does not hold. The message says what was seen instead. */
export class CheckError extends GuestError {
  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { ...options, code: "CHECK_FAILED" });
  }
}

/** Throws CheckError with `message` unless `holds`. */
export function must(holds: boolean, message: string): asserts holds {
  if (!holds) throw new CheckError(message);
}
