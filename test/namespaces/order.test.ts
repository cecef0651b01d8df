/** Frames of one flow arrive in the order they were sent, none twice, none changed: whatever rings and reads they came through. */
import { afterEach, expect, test } from 'vitest';
import type { PortKind } from '../../src/control/model.ts';
import { GSO_TCPV4 } from '../../src/frame/vnet-header.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, Lab, PATIENCE_MS } from '../support/lab.ts';
import { offloadHeader, PROTOCOL_TCP, tcp4 } from '../support/packets.ts';
import { payloadBytes } from '../support/payload.ts';

const lab = new Lab();
afterEach(() => lab.close());

const BURSTS = process.env['TSWITCH_LONG'] === '1' ? 60 : 20;
const ENDS = { src: mac(1), dst: mac(2), sourceIp: '10.55.0.1', targetIp: '10.55.0.2' };

interface Sent {
  frame: Uint8Array;
  header?: Uint8Array;
}

/** The nth frame: its number and payload that no other has. */
function plain(n: number, frameBytes: number): Sent {
  const payload = new Uint8Array(frameBytes - 14);
  payload.set(payloadBytes(`${n}`, payload.length));
  new DataView(payload.buffer).setUint32(0, n);
  return { frame: frame({ src: ENDS.src, dst: ENDS.dst, payload }) };
}

/** The nth frame as a TCP super-frame. */
function superFrame(n: number, payloadLength: number): Sent {
  return {
    frame: tcp4(ENDS, [1, 2], n, payloadBytes(`${n}`, payloadLength)),
    header: offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1400),
  };
}

/** Sends bursts, each when the one before has arrived, so that no queue on the way overflows. */
async function expectInOrder(from: PortKind, to: PortKind, mtu: number, bursts: Sent[][]): Promise<void> {
  const lan = await lab.switch();
  const a = await lab.netns('a', { ipv6: false });
  const b = await lab.netns('b', { ipv6: false });
  await lab.plug(lan, a, from, { mtu });
  await lab.plug(lan, b, to, { mtu });
  const [sender, receiver] = [a.wire(), b.wire()];
  for (const burst of bursts) {
    receiver.clear();
    for (const sent of burst) sender.send(sent.frame, sent.header);
    const deadline = performance.now() + PATIENCE_MS;
    while (receiver.captured().length < burst.length && performance.now() < deadline) await new Promise(setImmediate);
    const arrived = receiver.captured();
    const misplaced = burst.findIndex((sent, k) => !arrived[k] || Buffer.compare(arrived[k].frame, sent.frame) !== 0);
    expect({ misplaced, arrived: arrived.length }).toEqual({ misplaced: -1, arrived: burst.length });
  }
  await expectBalance(lan);
  expect(lan.stats().drops).toEqual({});
}

function burstsOf(count: number, length: number, make: (n: number) => Sent): Sent[][] {
  return Array.from({ length: count }, (_, burst) => Array.from({ length }, (_each, k) => make(burst * length + k)));
}

const PAIRS: [PortKind, PortKind][] = [
  ['veth', 'veth'],
  ['veth', 'tap'],
  ['tap', 'veth'],
  ['packet', 'tap'],
  ['xdp', 'xdp'],
  ['veth', 'xdp'],
  ['xdp', 'tap'],
];

test.each(PAIRS)('60 to 1514 bytes, from %s to %s', async (from, to) => {
  await expectInOrder(
    from,
    to,
    1500,
    burstsOf(BURSTS, 100, (n) => plain(n, 60 + ((n * 379) % 1455))),
  );
});

test.each(PAIRS)('60 to 9014 bytes, small and large ones mixed, from %s to %s', async (from, to) => {
  const lengths = [60, 9014, 1514, 1899, 1920, 1921, 1922, 4000, 64, 2048, 100, 100, 8000, 1500];
  await expectInOrder(
    from,
    to,
    9000,
    burstsOf(BURSTS, 48, (n) => plain(n, lengths[(n * 5 + Math.floor(n / 7)) % lengths.length]!)),
  );
});

/** A port of kind xdp neither takes nor gives super-frames: what passes it is cut, and checked by test/namespaces/offloads. */
const WHOLE_PAIRS = PAIRS.filter((pair) => !pair.includes('xdp'));

test.each(WHOLE_PAIRS)('frames and super-frames mixed, from %s to %s', async (from, to) => {
  await expectInOrder(
    from,
    to,
    1500,
    burstsOf(BURSTS, 24, (n) =>
      n % 3 === 1 ? superFrame(n, 1401 + ((n * 7919) % 60_000)) : plain(n, 60 + ((n * 379) % 1455)),
    ),
  );
});
