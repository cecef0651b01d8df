/** Payload that both ends of a transfer can make up by themselves: the key stream of a cipher, so that any byte out of place shows. */
import { createCipheriv, createHash } from 'node:crypto';

const CHUNK_BYTES = 65_536;

/** `bytes` bytes that depend on the seed alone, in chunks. */
export function* payload(seed: string, bytes: number): Generator<Buffer> {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(Math.min(bytes, CHUNK_BYTES));
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    yield cipher.update(left < CHUNK_BYTES ? zeros.subarray(0, left) : zeros);
  }
}

export function payloadBytes(seed: string, bytes: number): Buffer {
  return Buffer.concat([...payload(seed, bytes)]);
}

/** SHA-256 of that payload, in hex. */
export function payloadDigest(seed: string, bytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of payload(seed, bytes)) hash.update(chunk);
  return hash.digest('hex');
}
