import { parse } from "yaml";
import { z } from "zod";
import { ConfigError } from "../../tools/core/errors.ts";

const guestPath = z.string().regex(/^\/[\w./-]+$/u, "an absolute path in the guest");

const imageSchema = z
  .strictObject({
    ref: z
      .string()
      .regex(/^[\w./-]+:[\w.-]+$/u, "name:tag, as k3s requests it")
      .describe("rancher/mirrored-pause:3.10.2; the registry docker.io is added"),
    path: guestPath.describe("where the program lies in the image"),
    entrypoint: z.array(z.string()).min(1).optional().describe("defaults to the program's path"),
    user: z.string().default("0:0"),
    labels: z.record(z.string(), z.string()).default({}),
  })
  .describe("the program alone in an airgap image");

const programSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/u, "lower case, digits and hyphens")
      .describe("names the part in progress messages and in the cache"),
    folder: z.string().describe("the Go module's folder, relative to programs.yaml"),
    package: z.string().default(".").describe("the main package, as `go build` takes it"),
    cgo: z.boolean().default(false),
    tags: z.array(z.string()).default([]),
    ldflags: z.array(z.string()).default([]).describe("added to -s -w"),
    guestPath: guestPath.optional().describe("where the program lies in the guest"),
    links: z.array(guestPath).default([]).describe("further names of it in the guest, as symbolic links"),
    image: imageSchema.optional(),
    standIn: z.boolean().default(false).describe("part of the k3s stand-in: left out where a real k3s takes its place"),
  })
  .refine((program) => program.guestPath !== undefined || program.image !== undefined, "needs a guestPath, an image or both");

const programsSchema = z.strictObject({
  programs: z
    .array(programSchema)
    .min(1)
    .refine((programs) => new Set(programs.map((program) => program.name)).size === programs.length, "two programs have one name"),
});

/** A Go program of the testbed: where its source is, how it is built and where it goes. */
export type GoProgram = z.infer<typeof programSchema>;
export type ImageSpec = z.infer<typeof imageSchema>;

/**
 * Reads qemu-tests/testbed/go/programs.yaml. The order in the file is the order in which the programs are built: the slowest first.
 * Throws ConfigError with every problem found.
 */
export function parsePrograms(text: string, path: string): readonly GoProgram[] {
  const result = programsSchema.safeParse(parse(text));
  if (result.success) return result.data.programs;
  throw new ConfigError(`${path} does not describe the testbed's Go programs`, {
    problems: z.prettifyError(result.error).split("\n"),
  });
}
