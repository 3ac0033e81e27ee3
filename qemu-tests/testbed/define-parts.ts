import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ImageFeature } from "../../tools/scenario/image-feature.ts";
import { buildBootFiles } from "./build-boot-files.ts";
import { buildDisk } from "./build-disk.ts";
import type { GuestFile } from "./build-disk.ts";
import { buildGoProgram, buildGoToolchain } from "./build-go.ts";
import { buildQemu, QEMU_PROGRAMS } from "./build-qemu.ts";
import { buildRootfs } from "./build-rootfs.ts";
import { fetchPinned } from "./fetch-k3s-release.ts";
import type { Privilege } from "./open-privilege.ts";
import type { GoProgram, ImageSpec } from "./parse-programs.ts";
import type { Part, PartJob } from "./part.ts";
import { formatFeatures } from "./plan-features.ts";
import { planGoEnv, planGoPath, planLdflags, renderGoRequirements } from "./plan-go.ts";
import { IMAGES_DIR, IMPORT_NOTE, planArchiveName, planEdits, planReleasePart, renderGuestRecord } from "./plan-guest.ts";
import { planParts } from "./plan-parts.ts";
import { planQemu } from "./plan-qemu.ts";
import { planRootfs, SUITE } from "./plan-rootfs.ts";
import type { TestbedInputs } from "./read-testbed-inputs.ts";
import { renderQemuboot } from "./render-qemuboot.ts";
import { K3S_VERSION } from "./select-k3s.ts";
import { writeOciArchive } from "./write-oci-archive.ts";
import type { LayerEntry } from "./write-oci-archive.ts";

const GO_TOOLCHAIN = "go-toolchain";
/** What the guest may write beyond its own content: a k3s node uses less than 1 GiB of it. */
const FREE_MIB = 2560;
const MEMORY_MIB = 2048;
const CPUS = 2;
const BUSYBOX_REFERENCE = "docker.io/rancher/mirrored-library-busybox:1.37.0";

/** The parts of a testbed and how each is made. Nothing is done yet. */
export function defineParts(
  inputs: TestbedInputs,
  getPrivilege: () => Promise<Privilege>,
): { readonly parts: readonly Part[]; readonly diskPart: string; readonly imageName: string } {
  const { architecture, paths } = inputs;
  const suffix = architecture.debian;
  // What the images are made of is Debian's whatever the guest has beyond: one set of them serves all.
  const bootPart = `boot-${suffix}`;
  const variant = `${formatFeatures(inputs.features)}-${suffix}`;
  const diskPart = `disk${variant}`;
  const imageName = `meta-k3s-testbed-${architecture.machine}`;
  const goPart = (program: GoProgram): string => `go-${program.output}-${architecture.goArch}`;
  const imagePart = (name: string): string => `image-${name}-${architecture.goArch}`;

  const toolchain: Part = {
    name: GO_TOOLCHAIN,
    title: "Go toolchain",
    inputs: { "the wheel": renderGoRequirements() },
    needs: [],
    load: "io",
    build: async (ctx, job) => buildGoToolchain(ctx, job.dir),
  };

  function defineProgram(program: GoProgram): Part {
    const goEnv = planGoEnv({
      env: inputs.env,
      cacheDir: join(inputs.cacheRoot, "go"),
      target: inputs.goTarget,
      cgo: program.cgo,
      gnuTriplet: architecture.gnuTriplet,
    });
    const ldflags = planLdflags(program, architecture.goArch);
    return {
      name: goPart(program),
      title: `${program.name} ${program.version} for ${architecture.debian}`,
      inputs: {
        ...inputs.goSources[program.package],
        ...(inputs.hostGo === undefined ? {} : { "the Go compiler": inputs.hostGo.version }),
        "the build's flags": JSON.stringify([
          program.package,
          program.cgo,
          inputs.goTags,
          ldflags,
          inputs.goTarget,
          goEnv["GOFLAGS"],
        ]),
      },
      needs: inputs.hostGo === undefined ? [GO_TOOLCHAIN] : [],
      load: "cpu",
      build: async (ctx, job) =>
        buildGoProgram(ctx, program, {
          dir: job.dir,
          sourceDir: paths.go,
          tags: inputs.goTags,
          ldflags,
          go: inputs.hostGo?.go ?? planGoPath(job.need(GO_TOOLCHAIN)),
          env: goEnv,
        }),
    };
  }

  function defineImage(program: GoProgram, image: ImageSpec): Part {
    const needs = [goPart(program), ...(image.certificates ? [bootPart] : [])];
    return {
      name: imagePart(program.output),
      title: `image ${image.reference}`,
      inputs: { ...inputs.builders.image, "the image's description": JSON.stringify([image, program.version]) },
      needs,
      load: "io",
      build: async (_, job) => {
        const entries: LayerEntry[] = [
          { kind: "file", path: image.path, mode: 0o755, source: join(job.need(goPart(program)), program.output) },
          ...image.directories.map(({ path, mode, uid }): LayerEntry => ({
            kind: "directory",
            path,
            mode: Number.parseInt(mode, 8),
            uid,
          })),
        ];
        if (image.certificates) {
          const source = join(job.need(bootPart), "ca-certificates.crt");
          entries.push({ kind: "file", path: "/etc/ssl/certs/ca-certificates.crt", mode: 0o644, source });
        }
        await writeOciArchive(
          join(job.dir, "image.tar"),
          {
            reference: image.reference,
            goArch: architecture.goArch,
            variant: architecture.ociVariant,
            entrypoint: image.entrypoint,
            command: [],
            uid: image.uid,
            labels: describeImage(program.name, program.version, `its Go modules, ${program.package}`),
          },
          entries,
        );
      },
    };
  }

  function defineRootfs(features: readonly ImageFeature[]): Part {
    const rootfsPlan = planRootfs(architecture, features);
    return {
      name: `rootfs${formatFeatures(features)}-${suffix}`,
      title: [`Debian ${SUITE}`, ...features, `for ${architecture.debian}`].join(" "),
      inputs: {
        "the Debian release": SUITE,
        "the package list": rootfsPlan.packages.join(" "),
        "mmdebstrap's options": rootfsPlan.options.join("\n"),
      },
      needs: [],
      // What a feature compiles takes every core.
      load: features.length === 0 ? "io" : "cpu",
      build: async (ctx, job) =>
        buildRootfs(ctx, architecture, { plan: rootfsPlan, dir: job.dir, privilege: await getPrivilege() }),
    };
  }

  const qemuPlan = planQemu(architecture, inputs.hostMachine);
  const qemu: Part = {
    name: `qemu-${architecture.debian}-on-${qemuPlan.host}`,
    title: `QEMU of Debian ${SUITE} for ${architecture.debian} guests`,
    inputs: { "the Debian release": SUITE, "how it is made": JSON.stringify(qemuPlan) },
    needs: [],
    load: "io",
    build: async (ctx, job) => buildQemu(ctx, qemuPlan, { dir: job.dir, privilege: await getPrivilege() }),
  };

  function defineBoot(features: readonly ImageFeature[]): readonly [Part, Part] {
    const rootfs = defineRootfs(features);
    return [
      rootfs,
      {
        name: `boot${formatFeatures(features)}-${suffix}`,
        title: ["kernel and initial RAM disk", ...features, `for ${architecture.debian}`].join(" "),
        inputs: { ...inputs.builders.bootFiles, "the list of modules": architecture.initrdModules.join(" ") },
        needs: [rootfs.name],
        load: "io",
        build: async (ctx, job) =>
          buildBootFiles(ctx, architecture, {
            dir: job.dir,
            rootfsTar: join(job.need(rootfs.name), "rootfs.tar"),
            initScript: paths.initScript,
          }),
      },
    ];
  }
  const ordinary = defineBoot([]);
  const [guestRootfs, guestBoot] = inputs.features.length === 0 ? ordinary : defineBoot(inputs.features);

  const busybox: Part = {
    name: imagePart("busybox"),
    title: `image ${BUSYBOX_REFERENCE}`,
    inputs: { ...inputs.builders.image, "the image's name": BUSYBOX_REFERENCE },
    needs: [bootPart],
    load: "io",
    build: async (_, job) => {
      const applets = (await readFile(join(job.need(bootPart), "busybox-applets"), "utf8")).split("\n").filter(Boolean);
      await writeOciArchive(
        join(job.dir, "image.tar"),
        {
          reference: BUSYBOX_REFERENCE,
          goArch: architecture.goArch,
          variant: architecture.ociVariant,
          entrypoint: [],
          command: ["sh"],
          uid: 0,
          labels: describeImage("busybox", SUITE, "Debian's package busybox-static"),
        },
        [
          { kind: "file", path: "/bin/busybox", mode: 0o755, source: join(job.need(bootPart), "busybox") },
          ...applets
            .filter((name) => name !== "busybox")
            .map((name): LayerEntry => ({ kind: "link", path: `/bin/${name}`, target: "busybox" })),
          { kind: "directory", path: "/tmp", mode: 0o1777, uid: 0 },
        ],
      );
    },
  };

  const { k3s } = inputs;
  const releasePart = k3s.kind === "release" ? planReleasePart(architecture, k3s.sha256) : undefined;
  const release: readonly Part[] =
    k3s.kind !== "release" || releasePart === undefined
      ? []
      : [
          {
            ...releasePart,
            title: `k3s ${K3S_VERSION} for ${architecture.debian}`,
            needs: [],
            load: "io",
            build: async (ctx, job) => fetchPinned(ctx, join(job.dir, "k3s"), k3s),
          },
        ];

  const images = inputs.programs.flatMap((program) => (program.image === undefined ? [] : [{ program, image: program.image }]));
  const imageParts = [
    ...images.map(({ program, image }) => ({ name: imagePart(program.output), reference: image.reference })),
    { name: imagePart("busybox"), reference: BUSYBOX_REFERENCE },
  ];
  const guestPrograms = inputs.programs.filter((program) => program.guest !== undefined);
  const edits = planEdits({ k3s: k3s.kind, programs: inputs.programs });
  const renderConf = (programs: string): string =>
    renderQemuboot({ architecture, imageName, initrdName: "initrd", memoryMib: MEMORY_MIB, cpus: CPUS, programs });
  const beforeDisk = [
    ...(inputs.hostGo === undefined ? [toolchain] : []),
    ordinary[0],
    qemu,
    ...inputs.programs.map(defineProgram),
    ...release,
    ordinary[1],
    ...(inputs.features.length === 0 ? [] : [guestRootfs, guestBoot]),
    ...images.map(({ program, image }) => defineImage(program, image)),
    busybox,
  ];

  const disk: Part = {
    name: diskPart,
    title: ["disk image", ...inputs.features, `for ${architecture.debian}`].join(" "),
    inputs: {
      ...inputs.guestTree,
      ...inputs.onDeviceFiles,
      ...inputs.builders.disk,
      "edits of the root filesystem": edits.join("\n"),
      "empty file": IMPORT_NOTE,
      "qemuboot.conf": renderConf(""),
      "free space": String(FREE_MIB),
      "k3s binary": k3s.kind === "file" ? (inputs.k3sDigest ?? "") : k3s.kind,
    },
    needs: [
      guestRootfs.name,
      guestBoot.name,
      qemu.name,
      ...guestPrograms.map(goPart),
      ...(releasePart === undefined ? [] : [releasePart.name]),
      ...imageParts.map((part) => part.name),
    ],
    load: "io",
    build: async (ctx, job) =>
      buildDisk(
        ctx,
        {
          guestTree: paths.guestTree,
          onDeviceFiles: paths.onDeviceFiles,
          files: [...planFiles(job), ...planK3sFile(job)],
          texts: [
            { path: "/etc/meta-k3s-testbed.json", content: renderRecord() },
            { path: IMPORT_NOTE, content: "" },
          ],
          edits,
          script: paths.assembleScript,
          imageName,
          freeMib: FREE_MIB,
          qemuboot: { name: `${imageName}.qemuboot.conf`, content: renderConf(planPrograms(job)) },
          kernel: { source: join(job.need(guestBoot.name), "kernel"), name: architecture.kernelImageType },
          initrd: { source: join(job.need(guestBoot.name), "initrd"), name: "initrd" },
          rootfsTar: join(job.need(guestRootfs.name), "rootfs.tar"),
        },
        { dir: job.dir, privilege: await getPrivilege() },
      ),
  };

  /** Where QEMU's programs lie, seen from the disk image's final place in the cache: both are <part>/<hash>. */
  function planPrograms(job: PartJob): string {
    const path = job.need(qemu.name);
    return join("../..", basename(dirname(path)), basename(path), QEMU_PROGRAMS);
  }

  function planFiles(job: PartJob): readonly GuestFile[] {
    return [
      ...guestPrograms.map((program) => ({
        source: join(job.need(goPart(program)), program.output),
        path: program.guest ?? "",
        mode: 0o755,
      })),
      ...imageParts.map(({ name, reference }) => ({
        source: join(job.need(name), "image.tar"),
        path: `${IMAGES_DIR}/${planArchiveName(reference)}`,
        mode: 0o644,
      })),
    ];
  }

  function planK3sFile(job: PartJob): readonly GuestFile[] {
    if (k3s.kind === "file") return [{ source: k3s.path, path: "/usr/bin/k3s", mode: 0o755 }];
    if (releasePart !== undefined) return [{ source: join(job.need(releasePart.name), "k3s"), path: "/usr/bin/k3s", mode: 0o755 }];
    return [];
  }

  function renderRecord(): string {
    return renderGuestRecord({
      arch: architecture.arch,
      suite: SUITE,
      k3s: { kind: k3s.kind, version: k3s.kind === "file" ? undefined : K3S_VERSION, sha256: inputs.k3sDigest },
      programs: inputs.programs,
      parts: Object.fromEntries(planParts(beforeDisk).map(({ part, hash }) => [part.name, hash])),
    });
  }

  return { parts: [...beforeDisk, disk], diskPart, imageName };
}

function describeImage(title: string, version: string, source: string): Record<string, string> {
  return {
    "org.opencontainers.image.title": title,
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.description": `built for the meta-k3s testbed from ${source}`,
  };
}
