import { parse } from "yaml";
import { z } from "zod";
import { ConfigError } from "../../tools/core/errors.ts";
import { IMAGE_FEATURES } from "../../tools/scenario/image-feature.ts";

const guestPath = z.string().regex(/^\/[\w./-]+$/u, "an absolute path in the guest");

const imageSchema = z.strictObject({
  reference: z.string().regex(/^[\w.-]+\.[\w.-]+\/[\w./-]+:[\w.-]+$/u, "registry/name:tag, in full"),
  path: guestPath,
  entrypoint: z.array(z.string()).min(1),
  uid: z.int().min(0),
  directories: z
    .array(z.strictObject({ path: guestPath, mode: z.string().regex(/^[0-7]{3,4}$/u, "an octal mode"), uid: z.int().min(0) }))
    .default([]),
  certificates: z.boolean().default(false),
});

const programSchema = z
  .strictObject({
    name: z.string().min(1),
    package: z.string().min(1),
    module: z.string().optional(),
    output: z.string().regex(/^[a-z][a-z0-9-]*$/u, "lower case, digits and hyphens"),
    cgo: z.boolean(),
    static: z.array(z.enum(["amd64", "arm64", "arm"])).default([]),
    ldflags: z.string(),
    version: z.string(),
    guest: guestPath.optional(),
    links: z.array(guestPath).default([]),
    image: imageSchema.optional(),
    standinOnly: z.boolean().default(false),
    feature: z.enum(IMAGE_FEATURES).optional(),
  })
  .refine(
    (program) => (program.guest === undefined) !== (program.image === undefined),
    "goes either to the guest or into an image",
  );

const goEnvSchema = z.record(z.string().regex(/^GO[A-Z0-9]+$/u), z.string());

const programsSchema = z.strictObject({
  architectures: z.strictObject({ amd64: goEnvSchema, arm64: goEnvSchema, arm: goEnvSchema }),
  tags: z.array(z.string()),
  programs: z
    .array(programSchema)
    .min(1)
    .refine(
      (programs) => new Set(programs.map((program) => program.output)).size === programs.length,
      "two programs have one output",
    ),
});

/** A Go program of the testbed: where its source is, how it is built and where it goes. The file itself says what each key means. */
export type GoProgram = z.infer<typeof programSchema>;
export type ImageSpec = z.infer<typeof imageSchema>;
export type ProgramList = z.infer<typeof programsSchema>;

/**
 * Reads qemu-tests/testbed/go/programs.yaml. The order in the file is the order in which the programs are built: the slowest first.
 * Throws ConfigError with every problem found.
 */
export function parsePrograms(text: string, path: string): ProgramList {
  const result = programsSchema.safeParse(parse(text));
  if (result.success) return result.data;
  throw new ConfigError(`${path} does not describe the testbed's Go programs`, {
    problems: z.prettifyError(result.error).split("\n"),
  });
}
