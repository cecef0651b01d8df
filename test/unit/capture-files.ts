/** Capture files made by hand, in either byte order, and pcapng block by block. */

interface PcapOptions {
  isLittle?: boolean;
  magic?: number;
  linkType?: number;
  /** Length on the wire of every frame, if the capture cut it. */
  wireBytes?: number;
}

export function words(isLittle: boolean, ...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) {
    if (isLittle) bytes.writeUInt32LE(value, 4 * index);
    else bytes.writeUInt32BE(value, 4 * index);
  }
  return bytes;
}

export function pcapFile(
  frames: readonly Buffer[],
  { isLittle = true, magic = 0xa1b2c3d4, linkType = 1, wireBytes }: PcapOptions = {},
): Buffer {
  // Version 2.4: two halves of a word, whose places depend on the byte order.
  const version = isLittle ? 0x0004_0002 : 0x0002_0004;
  const records = frames.flatMap((frame) => [words(isLittle, 0, 0, frame.length, wireBytes ?? frame.length), frame]);
  return Buffer.concat([words(isLittle, magic, version, 0, 0, 65_535, linkType), ...records]);
}

/** A block of a pcapng file; its body is padded to whole words. */
export function block(isLittle: boolean, type: number, ...body: Buffer[]): Buffer {
  const content = Buffer.concat(body);
  const padded = Buffer.concat([content, Buffer.alloc((4 - (content.length % 4)) % 4)]);
  const length = padded.length + 12;
  return Buffer.concat([words(isLittle, type, length), padded, words(isLittle, length)]);
}

export function section(isLittle: boolean): Buffer {
  return block(isLittle, 0x0a0d0d0a, words(isLittle, 0x1a2b3c4d, isLittle ? 1 : 0x1_0000, 0xffffffff, 0xffffffff));
}

export function captureInterface(isLittle: boolean, linkType = 1, snapLength = 0): Buffer {
  return block(isLittle, 1, words(isLittle, isLittle ? linkType : linkType * 0x1_0000, snapLength));
}

export function enhancedPacket(isLittle: boolean, frame: Buffer, interfaceId = 0, wireBytes = frame.length): Buffer {
  return block(isLittle, 6, words(isLittle, interfaceId, 0, 0, frame.length, wireBytes), frame);
}

export function simplePacket(isLittle: boolean, frame: Buffer, wireBytes = frame.length): Buffer {
  return block(isLittle, 3, words(isLittle, wireBytes), frame);
}
