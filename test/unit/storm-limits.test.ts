/** Limits of floods, and the loop probe, on a virtual clock. */
import { describe, expect, test } from 'vitest';
import { LOOP, STORM } from '../../src/shared/happenings.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';

const MULTICAST = '01:00:5e:00:00:01';

/** How many of `count` frames sent at once left. */
function burst(lan: Lan, dst: string, count: number): number {
  let sent = 0;
  for (let k = 0; k < count; k++) sent += lan.send('a', frame({ dst })).size;
  return sent;
}

describe('limits', () => {
  test.each([
    ['broadcastLimit', BROADCAST, 'STORM_BROADCAST'],
    ['multicastLimit', MULTICAST, 'STORM_MULTICAST'],
    ['unknownLimit', mac(9), 'STORM_UNKNOWN'],
  ])('%s holds over ten seconds, and drops what is more', (limit, dst, reason) => {
    const lan = new Lan({ a: { [limit]: 1000 }, b: {} });
    let sent = 0;
    for (let tenth = 0; tenth < 100; tenth++) {
      lan.seconds = tenth / 10;
      sent += burst(lan, dst, 150);
    }
    // What the bucket held, and what came in 99 tenths of a second.
    expect(sent).toBe(1000 + 9900);
    expect(lan.drops()).toEqual({ [reason]: 15_000 - sent });
    const { taken, accounted } = lan.balance();
    expect(accounted).toBe(taken);
  });

  test('a small limit holds too; a burst of 32 frames passes at once', () => {
    const lan = new Lan({ a: { broadcastLimit: 5 }, b: {} });
    expect(burst(lan, BROADCAST, 100)).toBe(32);
    lan.seconds = 2;
    expect(burst(lan, BROADCAST, 100)).toBe(10);
  });

  test('each class has its own; known unicast has none; no limit by default here', () => {
    const lan = new Lan({ a: { broadcastLimit: 10 }, b: {} });
    lan.send('b', frame({ src: mac(2), dst: mac(77) }));
    expect(burst(lan, BROADCAST, 100)).toBe(32);
    expect(burst(lan, MULTICAST, 100)).toBe(100);
    expect(burst(lan, mac(2), 100)).toBe(100);
  });

  test('a worker a tick behind the others does not fill the bucket anew', () => {
    const lan = new Lan({ a: { broadcastLimit: 100 }, b: {} });
    lan.seconds = 1;
    expect(burst(lan, BROADCAST, 200)).toBe(100);
    let sent = 0;
    for (let k = 0; k < 100; k++) {
      lan.seconds = k % 2 === 0 ? 1.1 : 1;
      sent += burst(lan, BROADCAST, 20);
    }
    expect(sent).toBe(10);
  });

  test('one record a tick, with the address that sent too much', () => {
    const lan = new Lan({ a: { broadcastLimit: 10 }, b: {} });
    burst(lan, BROADCAST, 500);
    lan.seconds = 1;
    burst(lan, BROADCAST, 500);
    expect(lan.happenings().filter(({ kind }) => kind === STORM)).toHaveLength(2);
  });
});

describe('loop probe', () => {
  test('comes out as a whole frame, is not counted, and is known again', () => {
    const lan = new Lan({ a: {}, b: {}, t: { mode: 'trunk', vlan: 0 } });
    lan.dataPath.probe(lan.port('a').handle, 1);
    const [probe] = lan.port('a').sent;
    expect(probe).toHaveLength(60);
    expect(lan.total('TX_FRAMES')).toBe(0);
    expect(lan.outcome('b', probe!)).toBe('drop LOOP_PROBE');
    expect(lan.happenings().find(({ kind }) => kind === LOOP)).toMatchObject({ handle: 1, other: 0 });
    expect(lan.entries()).toEqual([]);
  });

  test('leaves a trunk tagged, and is known with its tag', () => {
    const lan = new Lan({ a: {}, t: { mode: 'trunk', vlan: 0 } });
    lan.dataPath.probe(lan.port('t').handle, 7);
    const [probe] = lan.port('t').sent;
    expect(probe!.slice(12, 16)).toEqual(Uint8Array.of(0x81, 0, 0, 7));
    expect(lan.outcome('t', probe!)).toBe('drop LOOP_PROBE');
  });

  test("another switch's probe is forwarded like any multicast", () => {
    const other = new Lan({ a: {} });
    other.dataPath.probe(0, 1);
    expect(new Lan({ a: {}, b: {} }).outcome('a', other.port('a').sent[0]!)).toBe('b=untagged');
  });

  test('a host cannot make a probe of another port out of the one it saw', () => {
    const lan = new Lan({ a: {}, b: {}, c: {} });
    lan.dataPath.probe(lan.port('a').handle, 1);
    const [forged] = lan.port('a').sent;
    const handle = 14 + 8;
    expect([...forged!.slice(handle, handle + 2)]).toEqual([0, lan.port('a').handle]);
    for (const wrong of [lan.port('c').handle, 0xffff]) {
      forged!.set([wrong >>> 8, wrong & 0xff], handle);
      expect(lan.outcome('a', forged!)).toBe('b=untagged c=untagged');
    }
    expect(lan.happenings().filter(({ kind }) => kind === LOOP)).toEqual([]);
  });

  test('a probe of a port that is no more says nothing of the next one with its handle', () => {
    const lan = new Lan({ a: {}, b: {} });
    lan.dataPath.probe(lan.port('a').handle, 1);
    lan.board.renewProbeToken(lan.port('a').handle);
    expect(lan.outcome('b', lan.port('a').sent[0]!)).toBe('a=untagged');
  });

  test('a blocked port neither sends nor takes, but knows a probe that comes back', () => {
    const lan = new Lan({ a: {}, b: { blocked: true }, c: {} });
    lan.dataPath.probe(lan.port('a').handle, 1);
    expect(lan.outcome('b', lan.port('a').sent[0]!)).toBe('drop LOOP_PROBE');
    expect(lan.happenings().find(({ kind }) => kind === LOOP)).toMatchObject({ handle: 1, other: 0 });
    expect(lan.outcome('a', frame())).toBe('c=untagged');
    expect(lan.outcome('b', frame())).toBe('drop LOOP_BLOCKED');
    lan.dataPath.probe(lan.port('b').handle, 1);
    expect(lan.port('b').sent).toHaveLength(0);
  });
});
