import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../core/context.ts";

/** What the tiny guest does after it has printed its text. */
export type TinyEnd = "hang" | "power-off" | "reset";

const LOAD_ADDRESS = 0x10_0000;
const HEADER_BYTES = 52 + 32;

const ENDS: Readonly<Record<TinyEnd, readonly number[]>> = {
  hang: [],
  // out 0x604, 0x2000: PM1a control of QEMU's q35 as SeaBIOS sets it up, sleep enable with type S5.
  "power-off": [0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef],
  // out 0xcf9, 6: reset control register of the chipset.
  reset: [0x66, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee],
};

/**
 * A guest of a hundred bytes: a multiboot kernel (Multiboot specification 0.6.96) that prints a text on the first serial port and ends as
 * told. It boots in a second where Linux takes half a minute under emulation, so tests of QEMU's life cycle can have many.
 */
function assemble(text: string, end: TinyEnd): Buffer {
  const message = Buffer.from(`${text}\0`, "latin1");
  const multiboot = Buffer.alloc(12);
  multiboot.writeUInt32LE(0x1bad_b002, 0);
  multiboot.writeInt32LE(-0x1bad_b002, 8);
  const entry = LOAD_ADDRESS + HEADER_BYTES + multiboot.length;
  // mov esi, message; mov edx, 0x3f8; next: lodsb; test al, al; jz end; out dx, al; jmp next
  const print = [0xbe, 0, 0, 0, 0, 0xba, 0xf8, 0x03, 0x00, 0x00, 0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8];
  // cli; halt: hlt; jmp halt
  const code = Buffer.from([...print, ...ENDS[end], 0xfa, 0xf4, 0xeb, 0xfd]);
  code.writeUInt32LE(entry + code.length, 1);
  const body = Buffer.concat([multiboot, code, message]);

  const header = Buffer.alloc(HEADER_BYTES);
  header.write("\u007fELF\u0001\u0001\u0001", 0, "latin1");
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(3, 18); // i386
  header.writeUInt32LE(1, 20);
  header.writeUInt32LE(entry, 24);
  header.writeUInt32LE(52, 28); // program headers follow
  header.writeUInt16LE(52, 40);
  header.writeUInt16LE(32, 42);
  header.writeUInt16LE(1, 44);
  const size = HEADER_BYTES + body.length;
  for (const [index, value] of [1, 0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 7, 0x1000].entries()) {
    header.writeUInt32LE(value, 52 + index * 4);
  }
  return Buffer.concat([header, body]);
}

/** Writes a deploy folder with a tiny guest: kernel, an empty disk, qemuboot.conf. Returns the latter's path. */
export async function writeTinyGuest(
  ctx: Pick<Context, "exec">,
  options: { folder: string; text: string; end: TinyEnd; append?: string },
): Promise<string> {
  const { folder } = options;
  await writeFile(join(folder, "kernel.bin"), assemble(options.text, options.end));
  await ctx.exec.runCheck(["qemu-img", "create", "-q", "-f", "qcow2", join(folder, "tiny-qemux86-64.qcow2"), "16M"]);
  const path = join(folder, "tiny-qemux86-64.qemuboot.conf");
  const conf = [
    "[config_bsp]",
    "image_link_name = tiny-qemux86-64",
    "machine = qemux86-64",
    "qb_cpu = -cpu max -machine q35",
    "qb_default_fstype = qcow2",
    "qb_default_kernel = kernel.bin",
    `qb_opt_append = ${options.append ?? ""}`,
    "qb_system_name = qemu-system-x86_64",
    "serial_consoles = 115200;ttyS0",
  ];
  await writeFile(path, `${conf.join("\n")}\n`);
  return path;
}
