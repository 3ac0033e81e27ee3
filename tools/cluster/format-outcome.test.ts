import { expect, test } from "vitest";
import { formatBlocker } from "./format-outcome.ts";

test("a long reason keeps whom it concerns and the cause at its end", () => {
  const message = `failed to set up network for sandbox "${"a".repeat(300)}": plugin type="flannel" failed (add): failed to find plugin "bridge"`;
  const line = formatBlocker({ subject: "pod kube-system/coredns", reason: "FailedCreatePodSandBox", message });
  expect(line).toHaveLength(280);
  expect(line).toMatch(/^pod kube-system\/coredns: FailedCreatePodSandBox: .* … .*failed to find plugin "bridge"$/u);
});

test("a short one is whole, in one line", () => {
  expect(formatBlocker({ subject: "api", reason: "NotListening", message: "nothing\n  answers" })).toBe(
    "api: NotListening: nothing answers",
  );
});
