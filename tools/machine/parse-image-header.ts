import type { Architecture } from "./machine-spec.ts";

/** Bytes from the start of a file that the functions here need. */
export const HEADER_BYTES = 66_048;

/** What the first bytes of a disk image say it is. `sizeBytes` is what the format itself claims, where it does. */
export interface ImageHeader {
  readonly kind: "ext" | "btrfs" | "squashfs" | "erofs" | "partitioned" | "qcow2" | "zstd" | "gzip" | "xz" | "empty" | "unknown";
  readonly sizeBytes: number | undefined;
}

function startsWith(bytes: Uint8Array, offset: number, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[offset + index] === byte);
}

function ascii(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}

/** ext2/3/4: superblock at byte 1024 (Linux: Documentation/filesystems/ext4/super.rst); its size is blocks x block size. */
function extSizeBytes(view: DataView): number {
  const low = view.getUint32(1024 + 0x4, true);
  const has64Bit = (view.getUint32(1024 + 0x60, true) & 0x80) !== 0;
  const high = has64Bit ? view.getUint32(1024 + 0x150, true) : 0;
  return (high * 2 ** 32 + low) * 2 ** (10 + view.getUint32(1024 + 0x18, true));
}

/** Where a GPT's second header ends, which is the end of the disk that it was made for (UEFI 2.10, 5.3.2: AlternateLBA); sectors have 512 bytes. */
function gptSizeBytes(view: DataView): number {
  return (Number(view.getBigUint64(512 + 32, true)) + 1) * 512;
}

/** Tells a disk image by its magic numbers. `bytes` are the first HEADER_BYTES of the file, or all of a shorter one. */
export function parseImageHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const is = (kind: ImageHeader["kind"], sizeBytes?: number): ImageHeader => ({ kind, sizeBytes });
  if (startsWith(bytes, 0, [0x51, 0x46, 0x49, 0xfb]) && bytes.length >= 32) return is("qcow2", Number(view.getBigUint64(24)));
  if (startsWith(bytes, 0, [0x28, 0xb5, 0x2f, 0xfd])) return is("zstd");
  if (startsWith(bytes, 0, [0x1f, 0x8b])) return is("gzip");
  if (startsWith(bytes, 0, [0xfd, 0x37, 0x7a, 0x58, 0x5a])) return is("xz");
  if (startsWith(bytes, 0, ascii("hsqs"))) return is("squashfs");
  if (bytes.length >= 2048 && startsWith(bytes, 1024 + 0x38, [0x53, 0xef])) return is("ext", extSizeBytes(view));
  if (startsWith(bytes, 1024, [0xe2, 0xe1, 0xf5, 0xe0])) return is("erofs");
  if (startsWith(bytes, 65_600, ascii("_BHRfS_M"))) return is("btrfs", Number(view.getBigUint64(65_536 + 0x70, true)));
  if (startsWith(bytes, 512, ascii("EFI PART"))) return is("partitioned", bytes.length >= 1024 ? gptSizeBytes(view) : undefined);
  if (startsWith(bytes, 510, [0x55, 0xaa])) return is("partitioned");
  return is(bytes.every((byte) => byte === 0) ? "empty" : "unknown");
}

/** Tells for which architecture a file is a bootable Linux kernel; undefined when it is none that QEMU's -kernel takes there. */
export function parseKernelHeader(bytes: Uint8Array): Architecture | "elf" | "compressed" | undefined {
  if (startsWith(bytes, 0x202, ascii("HdrS"))) return "x86_64";
  if (startsWith(bytes, 0x38, [0x41, 0x52, 0x4d, 0x64])) return "aarch64";
  if (startsWith(bytes, 0x24, [0x18, 0x28, 0x6f, 0x01])) return "arm";
  if (startsWith(bytes, 0, [0x7f, 0x45, 0x4c, 0x46])) return "elf";
  if (startsWith(bytes, 0, [0x1f, 0x8b]) || startsWith(bytes, 4, ascii("zimg"))) return "compressed";
  return undefined;
}
