/**
 * The door: what judging a frame's bytes costs, for frames as they come and for those that are refused.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import { admit, RESERVED_ADDRESS, RUNT, SOURCE_NOT_UNICAST, TRUNCATED_TAG, WELCOME } from '../../src/frame/admit.ts';
import { Batch } from '../../src/frame/batch.ts';
import { VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';
import { BATCH_FRAMES_MAX, RESERVED_ADDRESSES } from '../../src/limits.ts';
import { EMPTY_DIGEST, fold } from './digest.ts';
import { type Case, digestOfRepeated, measureTable, printRows, secondsPerCase } from './table.ts';

const SLOT_BYTES = 128;
const UNTAGGED = frame('020000000b01', '020000000a01', '0800', 60);

interface Arrival {
  bytes: Buffer;
  /** Beside the bytes, as a packet socket hands it over; 0: none. */
  tpid: number;
}

function frame(destination: string, source: string, rest: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  Buffer.from(destination + source + rest, 'hex').copy(bytes);
  return bytes;
}

/**
 * A batch of one frame over and over. `restores` puts the frames back before each run: admitting a frame whose tag is in its
 * bytes changes it.
 */
function batchCase(name: string, { bytes, tpid }: Arrival, answer: number, tagTaken: number, restores = false): Case {
  const memory = new Uint8Array(new SharedArrayBuffer(BATCH_FRAMES_MAX * SLOT_BYTES));
  const batch = new Batch(memory);
  const forwardReserved = new Uint8Array(RESERVED_ADDRESSES);
  for (let i = 0; i < BATCH_FRAMES_MAX; i++) memory.set(bytes, i * SLOT_BYTES + VNET_HEADER_BYTES);
  const pristine = Uint8Array.from(memory);
  const place = (): void => {
    for (let i = 0; i < BATCH_FRAMES_MAX; i++) {
      batch.offset[i] = i * SLOT_BYTES + VNET_HEADER_BYTES;
      batch.length[i] = bytes.length;
      batch.tpid[i] = tpid;
    }
  };
  place();
  return {
    name,
    operations: BATCH_FRAMES_MAX,
    runs: 1,
    run: () => {
      if (restores) {
        memory.set(pristine);
        place();
      }
      let digest = EMPTY_DIGEST;
      for (let i = 0; i < BATCH_FRAMES_MAX; i++) {
        digest = fold(digest, (batch.length[i]! << 8) | admit(batch, i, forwardReserved));
        digest ^= batch.tpid[i]!;
      }
      return digest;
    },
    expected: () => {
      let digest = EMPTY_DIGEST;
      for (let i = 0; i < BATCH_FRAMES_MAX; i++) digest = fold(digest, (bytes.length << 8) | answer) ^ tagTaken;
      return digest;
    },
  };
}

/** What of the time of the rows that put frames back is the putting back. */
function restoreCase(): Case {
  const memory = new Uint8Array(new SharedArrayBuffer(BATCH_FRAMES_MAX * SLOT_BYTES));
  const pristine = new Uint8Array(memory.length).fill(7);
  return {
    name: 'only putting frames back',
    operations: BATCH_FRAMES_MAX,
    runs: 1,
    run: () => {
      memory.set(pristine);
      let digest = EMPTY_DIGEST;
      for (let i = 0; i < BATCH_FRAMES_MAX; i++) digest = fold(digest, memory[i * SLOT_BYTES]!);
      return digest;
    },
    expected: () => digestOfRepeated(7, BATCH_FRAMES_MAX),
  };
}

const TAGGED = frame('020000000b01', '020000000a01', '8100000a0800', 64);
const rows = await measureTable({ table: 'admit', per: 'frame', reference: 'untagged', seconds: secondsPerCase() }, [
  batchCase('untagged', { bytes: UNTAGGED, tpid: 0 }, WELCOME, 0),
  batchCase('tag beside the bytes', { bytes: UNTAGGED, tpid: 0x8100 }, WELCOME, 0x8100),
  batchCase('tag in the bytes, and the frame put back', { bytes: TAGGED, tpid: 0 }, WELCOME, 0x8100, true),
  restoreCase(),
  batchCase('refused: a runt', { bytes: UNTAGGED.subarray(0, 13), tpid: 0 }, RUNT, 0),
  batchCase(
    'refused: source is a group',
    { bytes: frame('020000000b01', '030000000a01', '0800', 60), tpid: 0 },
    SOURCE_NOT_UNICAST,
    0,
  ),
  batchCase(
    'refused: reserved destination',
    { bytes: frame('0180c2000000', '020000000a01', '0800', 60), tpid: 0 },
    RESERVED_ADDRESS,
    0,
  ),
  batchCase('refused: a tag cut off', { bytes: TAGGED.subarray(0, 17), tpid: 0 }, TRUNCATED_TAG, 0),
]);
printRows(rows);
