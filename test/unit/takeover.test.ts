/**
 * A worker throws in the middle of a batch, and another one takes over: which frames that costs, that none leaves twice, and that
 * the counters add up, wherever it was.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BATCH_FRAMES_MAX } from '../../src/limits.ts';
import { DropSamples } from '../../src/shared/drop-samples.ts';
import type { Batch } from '../../src/frame/batch.ts';
import { Drop } from '../../src/switching/drop-reasons.ts';
import type { AnyLogic } from '../../src/switching/logic.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';

/** What is sent there makes the worker throw. */
const POISON = mac(66);
const NUMBER_AT = 14;
/** What is done with the frame when the worker throws: it is judged, or sorted by its verdict, or sent. */
type Stage = 'judged' | 'sorted' | 'sent';
/** Handle of port c. */
const C = 2;
/** No verdict at all: nothing can be sorted by it. */
const NOWHERE = -5;

/** Learning, but for frames to POISON. @param times how often it throws; for good if not said */
function poisoned(stage: Stage, times = Infinity): AnyLogic {
  let thrown = 0;
  return {
    ...learning,
    create(setup: Parameters<typeof learning.create>[0]) {
      const instance = learning.create(setup);
      return {
        decide(batch, now) {
          instance.decide?.(batch, now);
          for (let i = 0; i < batch.count; i++) {
            if (!isPoison(batch, i)) continue;
            if (stage === 'sorted') batch.verdict[i] = NOWHERE;
            else if (stage === 'sent') batch.verdict[i] = C;
            else if (thrown++ < times) throw new Error('poisoned');
          }
        },
      };
    },
  };
}

function isPoison({ bytes, offset }: Batch, i: number): boolean {
  return bytes[offset[i]! + 5] === 66;
}

/** Ports a, b and c, where b is known and c cannot send. */
function lanWith(logic: AnyLogic): Lan {
  const lan = new Lan({ a: {}, b: {}, c: { floodBroadcast: false, floodUnknown: false } }, { logic });
  lan.send('b', frame({ src: mac(2) }));
  lan.port('a').sent.length = 0;
  lan.port('c').refuse = () => {
    throw new Error('poisoned');
  };
  return lan;
}

function numbered(number: number, dst: string): Uint8Array {
  const made = frame({ src: mac(1), dst });
  new DataView(made.buffer).setUint16(NUMBER_AT, number);
  return made;
}

/** Lets the frames arrive at a, replaces the worker as often as it throws. @returns how often */
function runAll(lan: Lan, targets: readonly string[]): number {
  targets.forEach((dst, number) => lan.port('a').inject(numbered(number, dst)));
  for (let faults = 0; ; faults++) {
    try {
      lan.run();
      return faults;
    } catch {
      // It ended in the middle of a batch that has frames; each costs a worker or two.
      if (faults > 2 * Math.max(ALL.length, targets.length)) throw new Error('it fails for good');
      lan.replaceWorker();
    }
  }
}

/** The numbers of the frames that left by the port. */
function arrived(lan: Lan, port: string): number[] {
  return lan.port(port).sent.map((sent) => new DataView(sent.buffer, sent.byteOffset).getUint16(NUMBER_AT));
}

function expectBalance(lan: Lan, frames: number): void {
  const { taken, accounted, copies, left } = lan.balance();
  expect({ taken, accounted }).toEqual({ taken: 1 + frames, accounted: 1 + frames });
  expect(left).toBe(copies);
  expect(lan.total('UNSENT')).toBe(0);
}

const ALL = Array.from({ length: 2 * BATCH_FRAMES_MAX + 88 }, () => mac(2));
const without = (from: number, to: number): number[] =>
  [...ALL.keys()].filter((number) => number < from || number >= to);
const [FIRST, MIDDLE, LAST] = [BATCH_FRAMES_MAX, BATCH_FRAMES_MAX + 100, 2 * BATCH_FRAMES_MAX - 1];
const SECOND_BATCH = [BATCH_FRAMES_MAX, 2 * BATCH_FRAMES_MAX] as const;

test.each<[Stage, poison: number, faults: number, lost: readonly [from: number, to: number]]>([
  ['judged', FIRST, 2, [FIRST, FIRST + 1]],
  ['judged', MIDDLE, 2, [MIDDLE, MIDDLE + 1]],
  ['judged', LAST, 2, [LAST, LAST + 1]],
  ['sorted', FIRST, 1, SECOND_BATCH],
  ['sorted', LAST, 1, SECOND_BATCH],
  // The ports are served in the order of their first frames.
  ['sent', FIRST, 1, SECOND_BATCH],
  ['sent', MIDDLE, 1, [MIDDLE, MIDDLE + 1]],
  ['sent', LAST, 1, [LAST, LAST + 1]],
])('poison that is %s, frame %i', (stage, poison, faults, [from, to]) => {
  const lan = lanWith(poisoned(stage));
  expect(runAll(lan, ALL.with(poison, POISON))).toBe(faults);
  expect(arrived(lan, 'b')).toEqual(without(from, to));
  expect(lan.drops()).toEqual({ WORKER_FAULT: to - from });
  const atIngress = stage === 'sent' ? 0 : to - from;
  expect(lan.count('a', 'DROPPED')).toBe(atIngress);
  expect(lan.count('b', 'TX_DROPS') + lan.count('c', 'TX_DROPS')).toBe(to - from - atIngress);
  expectBalance(lan, ALL.length);
});

test('poison on two ports costs as many workers as on one after the other', () => {
  const lan = lanWith(poisoned('judged'));
  for (const port of ['c', 'a']) ALL.with(LAST, POISON).forEach((dst, n) => lan.port(port).inject(numbered(n, dst)));
  expect(runAll(lan, [])).toBe(4);
  expect(arrived(lan, 'b').toSorted((one, other) => one - other)).toEqual(
    without(LAST, LAST + 1).flatMap((number) => [number, number]),
  );
  expect(lan.drops()).toEqual({ WORKER_FAULT: 2 });
  expectBalance(lan, 2 * ALL.length);
});

test('the culprit is among the last dropped frames', () => {
  const lan = lanWith(poisoned('judged'));
  runAll(lan, ALL.with(MIDDLE, POISON));
  const samples = new DropSamples(lan.board.buffers.dropSamples[0]!).read(Drop.WORKER_FAULT);
  expect(samples.map(({ bytes }) => bytes)).toEqual([numbered(MIDDLE, POISON)]);
});

test('a worker that throws once, for no frame, costs none', () => {
  const lan = lanWith(poisoned('judged', 1));
  expect(runAll(lan, ALL.with(MIDDLE, POISON))).toBe(1);
  // The frame that is no poison any more is to an address that nobody has, and is flooded.
  expect(arrived(lan, 'b')).toEqual([...ALL.keys()]);
  expect(lan.drops()).toEqual({});
  expectBalance(lan, ALL.length);
});

test('a port that is closed takes the suspicion with it', () => {
  const lan = lanWith(poisoned('judged'));
  lan.port('a').inject(numbered(0, POISON));
  for (let worker = 0; worker < 2; worker++) {
    expect(() => lan.run()).toThrow('poisoned');
    lan.replaceWorker();
  }
  lan.closePort('a');
  lan.openPort('a');
  lan.port('a').inject(numbered(0, POISON));
  expect(() => lan.run()).toThrow('poisoned');
});

test('a port does not inherit the batch of one that had its place', () => {
  const lan = lanWith(poisoned('judged'));
  lan.port('a').inject(numbered(0, POISON));
  expect(() => lan.run()).toThrow('poisoned');
  lan.board.startRings(0, lan.port('a').handle);
  lan.replaceWorker();
  expect(lan.drops()).toEqual({});
  expectBalance(lan, 0);
});

test('whatever is sent where, and whatever is poison: each frame is counted once, and leaves once or is dropped', () => {
  const target = fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(mac(1), mac(2), mac(2), mac(3), BROADCAST) },
    { weight: 1, arbitrary: fc.constant(POISON) },
  );
  const story = fc.record({
    stage: fc.constantFrom<Stage>('judged', 'sorted', 'sent'),
    targets: fc.array(target, { minLength: 1, maxLength: 2 * BATCH_FRAMES_MAX, size: 'max' }),
  });
  fc.assert(
    fc.property(story, ({ stage, targets }) => {
      const lan = lanWith(poisoned(stage));
      runAll(lan, targets);
      const numbers = arrived(lan, 'b');
      expect(new Set(numbers).size).toBe(numbers.length);
      expect(lan.count('b', 'TX_FRAMES')).toBe(numbers.length);
      expectBalance(lan, targets.length);
      if (stage === 'judged') {
        const poison = targets.filter((to) => to === POISON).length;
        expect(lan.drops()['WORKER_FAULT'] ?? 0).toBe(poison);
        expect(numbers).toEqual([...targets.keys()].filter((n) => targets[n] !== POISON && targets[n] !== mac(1)));
      }
    }),
    { numRuns: 60 },
  );
});
