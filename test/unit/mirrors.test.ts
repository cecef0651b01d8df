/** Mirrored copies to a port: which frames, with which tags, how they are counted, and that they go no further. */
import { describe, expect, test } from 'vitest';
import { GSO_TCPV4, OFFLOADS_ALL } from '../../src/frame/vnet-header.ts';
import type { PortConfig, WireMirror } from '../../src/shared/commands.ts';
import { BROADCAST, frame, mac, tagsOf } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { offloadHeader, PROTOCOL_TCP, tcp4 } from '../support/packets.ts';

/** The monitor is the last port, in a VLAN where nobody else is. */
const MONITOR = 3;

function mirrored(mirror: Partial<WireMirror>, monitor: Partial<PortConfig> = {}, b: Partial<PortConfig> = {}): Lan {
  const copies = { to: MONITOR, file: null, received: true, sent: true, vlans: [], ...mirror };
  return new Lan({ a: { mirror: copies }, b, trunk: { mode: 'trunk', vlan: 0 }, monitor: { vlan: 4000, ...monitor } });
}

function copies(lan: Lan): number[] {
  return (['MIRROR_FRAMES', 'MIRROR_BYTES', 'MIRROR_DROPS'] as const).map((counter) => lan.count('monitor', counter));
}

function expectSums(lan: Lan): void {
  const { taken, accounted, copies: made, left } = lan.balance();
  expect([accounted, left]).toEqual([taken, made]);
}

test('what enters and what leaves is copied, each as it was on the port', () => {
  const lan = mirrored({});
  lan.send('a', frame({ src: mac(1), payload: 50 }));
  expect(lan.port('monitor').sent.map(tagsOf)).toEqual(['untagged']);
  const answer = frame({ src: mac(9), dst: mac(1), tags: [1], payload: 70 });
  expect(lan.send('trunk', answer).get('monitor')).toEqual([frame({ src: mac(9), dst: mac(1), payload: 70 })]);
  expect(copies(lan)).toEqual([2, 64 + 84, 0]);
  expect([lan.count('monitor', 'TX_FRAMES'), lan.count('monitor', 'TX_DROPS')]).toEqual([0, 0]);
  expectSums(lan);
});

test('tags: a trunk is mirrored with those that its frames have on it', () => {
  const trunk = {
    mode: 'trunk',
    vlan: 0,
    mirror: { to: 2, file: null, received: true, sent: true, vlans: [] },
  } as const;
  const lan = new Lan({ a: { vlan: 10 }, trunk, monitor: { vlan: 4000 } });
  const tagged = frame({ tags: [{ vid: 10, pcp: 3 }] });
  expect(lan.send('trunk', tagged).get('monitor')).toEqual([tagged]);
  expect(lan.send('a', frame()).get('monitor')!.map(tagsOf)).toEqual(['8100:10']);
  // Two tags, of which the switch looks at one.
  const double = frame({ tags: [{ tpid: 0x88a8, vid: 10 }, { vid: 5 }] });
  expect(lan.send('trunk', double).get('monitor')).toEqual([double]);
});

test('one direction only', () => {
  const received = mirrored({ sent: false });
  received.send('a', frame());
  received.send('b', frame({ src: mac(2) }));
  expect(copies(received)[0]).toBe(1);
  const sent = mirrored({ received: false });
  sent.send('a', frame());
  expect(copies(sent)[0]).toBe(0);
  sent.send('b', frame({ src: mac(2) }));
  expect(copies(sent)[0]).toBe(1);
});

test('only the VLANs asked for, those of frames that are dropped too', () => {
  const a = { mode: 'trunk', vlan: 0, trunks: [10, 20] } as const;
  const mirror = { to: 2, file: null, received: true, sent: true, vlans: [20, 30] };
  const lan = new Lan({ a: { ...a, mirror }, b: { mode: 'trunk', vlan: 0 }, monitor: { vlan: 4000 } });
  const seen = [10, 20, 30, 40].map((vid) => lan.send('a', frame({ tags: [vid] })).get('monitor')?.length ?? 0);
  expect(seen).toEqual([0, 1, 1, 0]);
  expect(lan.send('b', frame({ tags: [10], src: mac(2) })).get('monitor')).toBeUndefined();
  expect(lan.send('b', frame({ tags: [20], src: mac(2) })).get('monitor')).toHaveLength(1);
});

test('frames that are dropped on arrival are copied as well', () => {
  const lan = mirrored({});
  lan.send('a', frame({ tags: [5] }));
  expect(lan.drops()).toEqual({ NOT_A_MEMBER: 1 });
  expect(copies(lan)[0]).toBe(1);
  // Of this one no addresses have come.
  lan.send('a', new Uint8Array(8));
  expect(copies(lan)).toEqual([1, 64, 1]);
  expectSums(lan);
});

test('what did not leave is not copied', () => {
  const lan = mirrored({ received: false });
  lan.port('a').refuse = () => 11;
  lan.send('b', frame());
  expect(lan.count('a', 'TX_DROPS')).toBe(1);
  expect(copies(lan)).toEqual([0, 0, 0]);
});

test('copies are not copied, not flooded and not learned: two ports that mirror each other', () => {
  const to = (handle: number): WireMirror => ({ to: handle, file: null, received: true, sent: true, vlans: [] });
  const lan = new Lan({ a: { mirror: to(1) }, b: { mirror: to(0) }, c: {} });
  lan.send('c', frame({ src: mac(3) }));
  // Flooded to a and b, and each copied to the other.
  expect([lan.count('a', 'TX_FRAMES'), lan.count('b', 'TX_FRAMES')]).toEqual([1, 1]);
  expect([lan.count('a', 'MIRROR_FRAMES'), lan.count('b', 'MIRROR_FRAMES')]).toEqual([1, 1]);
  expect(lan.entries().map(({ port }) => port)).toEqual(['c']);
  expectSums(lan);
});

describe('a monitor that does not take all', () => {
  test('its MTU', () => {
    const lan = mirrored({}, { mtu: 100 });
    lan.send('a', frame({ payload: 100 }));
    lan.send('a', frame({ payload: 101 }));
    expect(copies(lan)).toEqual([1, 114, 1]);
    expect(lan.drops()).toEqual({});
  });

  test('what the kernel refuses', () => {
    const lan = mirrored({});
    lan.port('monitor').refuse = (n) => (n % 2 === 0 ? 0 : 105);
    for (let k = 0; k < 10; k++) lan.send('a', frame());
    expect(copies(lan)).toEqual([5, 5 * 60, 5]);
    expect(lan.count('monitor', 'TX_DROPS')).toBe(0);
    expectSums(lan);
  });

  test('down: copies are counted as dropped, and go on when it is up again', () => {
    const lan = mirrored({}, { up: false });
    lan.send('a', frame());
    expect(copies(lan)).toEqual([0, 0, 1]);
    lan.configure('monitor', { up: true });
    lan.send('a', frame());
    expect(copies(lan)).toEqual([1, 60, 1]);
  });

  test('closed, as a lost port is', () => {
    const lan = mirrored({});
    lan.dataPath.closePort(MONITOR);
    lan.send('a', frame());
    expect(copies(lan)).toEqual([0, 0, 1]);
  });
});

test('a super-frame goes whole to who takes it, and in segments to who does not; a copy counts once', () => {
  const payload = new Uint8Array(3000).fill(7);
  const whole = tcp4({ src: mac(1), dst: BROADCAST, sourceIp: '10.0.0.1', targetIp: '10.0.0.2' }, [1, 2], 1, payload);
  const header = offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1000);
  const takes = mirrored({}, { offloads: OFFLOADS_ALL }, { offloads: OFFLOADS_ALL });
  expect(takes.send('a', whole, header).get('monitor')).toHaveLength(1);
  expect(copies(takes)).toEqual([1, whole.length, 0]);
  const takesNot = mirrored({}, {}, { offloads: OFFLOADS_ALL });
  const out = takesNot.send('a', whole, header);
  expect(out.get('monitor')!.map(({ length }) => length)).toEqual([1054, 1054, 1054]);
  expect(out.get('b')).toEqual([whole]);
  expect(copies(takesNot)).toEqual([1, 3 * 1054, 0]);
});

test('exact sums over many frames, both ways, with drops and floods', () => {
  const lan = mirrored({}, { mtu: 9000 });
  for (let k = 0; k < 2000; k++) {
    const from = (['a', 'b', 'trunk'] as const)[k % 3]!;
    const tags = from === 'trunk' ? [1 + (k % 2)] : k % 7 === 0 ? [9] : [];
    const dst = k % 5 === 0 ? BROADCAST : mac(1 + ((k * 7) % 3));
    lan.send(from, frame({ src: mac(1 + (k % 3)), dst, tags, payload: 46 + (k % 900) }));
  }
  const [frames, , drops] = copies(lan);
  expect(frames! + drops!).toBe(lan.count('a', 'RX_FRAMES') + lan.count('a', 'TX_FRAMES'));
  expect(frames).toBeGreaterThan(500);
  expectSums(lan);
});

test('taken off: no more copies', () => {
  const lan = mirrored({});
  lan.send('a', frame());
  lan.configure('a', { mirror: null });
  lan.send('a', frame());
  expect(copies(lan)[0]).toBe(1);
});
