import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parsePrograms } from "./parse-programs.ts";
import { planArchiveName, planEdits, renderGuestRecord, selectPrograms } from "./plan-guest.ts";

const PATH = join(import.meta.dirname, "go/programs.yaml");
const { programs } = parsePrograms(readFileSync(PATH, "utf8"), PATH);

describe("planEdits", () => {
  test("the stand-in runs Debian's containerd, under the name and in the place where the layer puts k3s's", () => {
    const edits = planEdits({ k3s: "stand-in", programs: selectPrograms(programs, { k3s: "stand-in", features: [] }) });
    expect(edits).toContain("link /usr/bin/containerd /usr/libexec/k3s/containerd");
    expect(edits).toContain("link /usr/bin/k3s /usr/bin/kubectl");
    expect(edits).not.toContain("link k3s /usr/bin/ctr");
  });

  test.each(["file", "release"] as const)("a real k3s (%s) is its own containerd, kubectl, crictl and ctr", (kind) => {
    const edits = planEdits({ k3s: kind, programs: selectPrograms(programs, { k3s: kind, features: [] }) });
    expect(edits).toContain("link /usr/bin/k3s /usr/libexec/k3s/containerd");
    for (const name of ["kubectl", "crictl", "ctr"]) expect(edits).toContain(`link k3s /usr/bin/${name}`);
  });
});

test("a real k3s leaves the stand-in's programs out and keeps the images", () => {
  const real = selectPrograms(programs, { k3s: "file", features: [] }).map((program) => program.output);
  expect(real).not.toContain("k3s");
  expect(real).not.toContain("flanneld");
  expect(real).toContain("coredns");
});

function outputs(k3s: "stand-in" | "file", features: readonly "fuse-overlayfs"[]): readonly string[] {
  return selectPrograms(programs, { k3s, features }).map((program) => program.output);
}

test("a program of a feature is in the guests that are to have it, and only where the stand-in serves", () => {
  expect(outputs("stand-in", ["fuse-overlayfs"])).toContain("containerd-fuse-overlayfs-grpc");
  expect(outputs("stand-in", [])).not.toContain("containerd-fuse-overlayfs-grpc");
  expect(outputs("file", ["fuse-overlayfs"])).not.toContain("containerd-fuse-overlayfs-grpc");
});

test("archives are named after their images", () => {
  expect(planArchiveName("docker.io/rancher/mirrored-pause:3.10.2")).toBe("mirrored-pause-3.10.2.tar");
});

test("the guest's record says that the k3s in it is the stand-in", () => {
  const record: unknown = JSON.parse(
    renderGuestRecord({
      arch: "x86_64",
      suite: "trixie",
      k3s: { kind: "stand-in", version: "v1.36.3+k3s1", sha256: undefined },
      programs,
      parts: { "rootfs-amd64": "0" },
    }),
  );
  expect(record).toMatchObject({
    standIn: true,
    k3s: { kind: "stand-in" },
    images: { "docker.io/rancher/mirrored-pause:3.10.2": "3.10.2" },
  });
});
