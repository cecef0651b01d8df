/** The learning logic where another user of the FDB changes it in the middle of a batch. */
import { PORT_CONFIG_DEFAULT } from '../../src/shared/commands.ts';
import { expect, test } from 'vitest';
import { Batch } from '../../src/frame/batch.ts';
import { mutedSender } from '../../src/datapath/logic-outbox.ts';
import { Board } from '../../src/shared/board.ts';
import { Happenings } from '../../src/shared/happenings.ts';
import { Fdb, keyHigh, keyLow } from '../../src/switching/fdb.ts';
import { LogicClock } from '../../src/switching/logic-clock.ts';
import { allocateLogicMemory, createInstance } from '../../src/switching/logic-setup.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { PortTable } from '../../src/switching/port-table.ts';
import { Reach } from '../../src/switching/reach.ts';
import { FLOOD, UNDECIDED } from '../../src/switching/verdict.ts';
import { mac, macBytes } from '../support/frames.ts';

const VLAN = 1;
const NOW = 5;
const INGRESS = 0;
const [SENDER, RECEIVER, OTHER] = [mac(1), mac(2), mac(3)];
const FRAME_BYTES = 60;

function key(address: string): [high: number, low: number] {
  const bytes = Uint8Array.from(macBytes(address));
  return [keyHigh(bytes, 0, VLAN), keyLow(bytes, 0)];
}

/** Does something once, right after a frame was decided. */
class Interrupted extends Reach {
  interruption: () => void = () => {};

  override verdict(batch: Batch, i: number, inner: number, egress: number): number {
    const verdict = super.verdict(batch, i, inner, egress);
    this.interruption();
    this.interruption = () => {};
    return verdict;
  }
}

/** The verdicts for frames to these addresses; `meanwhile` happens when the first is decided. */
function decide(destinations: readonly string[], meanwhile: (other: Fdb) => void): number[] {
  const buffer = Fdb.allocate({ limit: 100, ageingTicks: 3000, seed: 7 });
  const other = new Fdb(buffer, 2);
  other.learn(...key(RECEIVER), 1, NOW);
  other.learn(...key(OTHER), 2, NOW);
  const ports = new PortTable();
  for (let handle = 0; handle < 4; handle++) ports.configure(handle, PORT_CONFIG_DEFAULT);
  const reach = new Interrupted(ports);
  const happenings = new Happenings(Board.create(1).buffers.happenings[0]!);
  const parts = { ports, reach, fdb: new Fdb(buffer, 1), happenings, sender: mutedSender, clock: new LogicClock() };
  const nothing = { params: {}, memory: allocateLogicMemory({}, 1), seed: 1 };
  const logic = createInstance(learning, { ...parts, worker: 0 }, nothing);

  const batch = new Batch(new Uint8Array(new SharedArrayBuffer(destinations.length * FRAME_BYTES)));
  destinations.forEach((destination, i) => {
    batch.bytes.set([...macBytes(destination), ...macBytes(SENDER), 0x08, 0x00], i * FRAME_BYTES);
    batch.offset[i] = i * FRAME_BYTES;
    batch.length[i] = FRAME_BYTES;
    batch.vlan[i] = VLAN;
    batch.verdict[i] = UNDECIDED;
  });
  batch.count = destinations.length;
  batch.ingress = INGRESS;
  reach.begin(INGRESS);
  reach.interruption = () => meanwhile(other);
  logic.decide!(batch, NOW);
  return [...batch.verdict.subarray(0, destinations.length)];
}

test('nothing happens meanwhile', () => {
  expect(decide([RECEIVER, OTHER, RECEIVER, mac(9)], () => {})).toEqual([1, 2, 1, FLOOD]);
});

test('an address that moves is found where it stands in the end', () => {
  const verdicts = decide([RECEIVER, RECEIVER, OTHER], (other) => other.learn(...key(RECEIVER), 3, NOW));
  expect(verdicts).toEqual([3, 3, 2]);
});

test('frames to an address that is deleted are flooded', () => {
  const verdicts = decide([RECEIVER, OTHER, RECEIVER], (other) => other.remove(...key(RECEIVER)));
  expect(verdicts).toEqual([FLOOD, 2, FLOOD]);
});

test('an address that another one learns disturbs nothing else', () => {
  expect(decide([RECEIVER, OTHER], (other) => other.learn(...key(mac(9)), 3, NOW))).toEqual([1, 2]);
});
