import { crc32, deflateRawSync } from "node:zlib";

/** An entry of a zip made for a test. The sizes can be lies. */
export interface ZipSpec {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** What the directory says the unpacked size is, when it is not the truth. */
  readonly claimedBytes?: number;
}

/** Makes a zip file by APPNOTE.TXT 6.3.9: local headers, deflated content, central directory. Names are not checked: hostile ones are wanted. */
export function makeZip(specs: readonly ZipSpec[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, claimedBytes } of specs) {
    const nameBytes = Buffer.from(name);
    const data = Buffer.from(content);
    const deflated = deflateRawSync(data);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x0800, 2);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(deflated.length, 14);
    fields.writeUInt32LE(claimedBytes ?? data.length, 18);
    fields.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), fields, nameBytes, deflated]);
    const central = Buffer.alloc(46);
    central.write("PK\u0001\u0002");
    central.writeUInt16LE(20, 4);
    fields.copy(central, 6);
    central.writeUInt32LE(offset, 42);
    directory.push(central, nameBytes);
    files.push(local);
    offset += local.length;
  }
  const start = offset;
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006");
  end.writeUInt16LE(specs.length, 8);
  end.writeUInt16LE(specs.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(start, 16);
  return Buffer.concat([...files, central, end]);
}

/** A module's zip: every name gets its "path@version/" prefix. */
export function makeModuleZip(
  module: { path: string; version: string },
  files: Readonly<Record<string, string | Uint8Array>>,
): Buffer {
  return makeZip(Object.entries(files).map(([name, content]) => ({ name: `${module.path}@${module.version}/${name}`, content })));
}
