/** Something that shows that the guest is at work, at a moment of the host's steady clock. */
export interface Activity {
  readonly atMs: number;
  readonly what: string;
}

export interface Progress {
  readonly moving: boolean;
  /** "still moving: …" or "nothing changed for 75 s". */
  readonly message: string;
}

/** Tells slow from stuck: `quietMs` without any activity is stuck. Activities in any order; `sinceMs` is when watching began. */
export function judgeProgress(input: {
  activities: readonly Activity[];
  sinceMs: number;
  nowMs: number;
  quietMs: number;
}): Progress {
  let latest: Activity | undefined;
  for (const activity of input.activities) if (latest === undefined || activity.atMs >= latest.atMs) latest = activity;
  const quietForMs = input.nowMs - (latest?.atMs ?? input.sinceMs);
  if (quietForMs < input.quietMs) {
    return { moving: true, message: latest === undefined ? "only just begun" : `still moving: ${latest.what}` };
  }
  return { moving: false, message: `nothing changed for ${Math.floor(quietForMs / 1000)} s` };
}
