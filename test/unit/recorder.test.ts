/** What the data path records for captures: which frames, which bytes of them, and what it says where it cannot. */
import { expect, test } from 'vitest';
import { parseFilter } from '../../src/control/capture/filter-text.ts';
import { CaptureRingReader, CaptureRingWriter, CAPTURE_RING_BYTES, RECORD } from '../../src/shared/capture-ring.ts';
import { GSO_TCPV4, OFFLOADS_ALL } from '../../src/frame/vnet-header.ts';
import { Recorder } from '../../src/datapath/recorder.ts';
import { Batch } from '../../src/frame/batch.ts';
import { frame, mac, tagsOf } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { offloadHeader, PROTOCOL_TCP, tcp4, udp4 } from '../support/packets.ts';
import { Recording } from '../support/recording.ts';

const ENDS = { src: mac(1), dst: mac(2), sourceIp: '10.0.0.1', targetIp: '10.0.0.2' };
const BOTH = { received: 1, sent: 1 };

test('a frame is recorded as it entered and as it left, its tag beside the bytes or among them', () => {
  const lan = new Lan({ trunk: { mode: 'trunk', vlan: 0 }, access: { vlan: 10 }, other: { mode: 'trunk', vlan: 0 } });
  const recording = new Recording();
  recording.order(lan, [{}], { trunk: BOTH, access: BOTH, other: BOTH });
  const tagged = frame({ tags: [{ vid: 10, pcp: 5 }], payload: 61 });
  const untagged = frame({ payload: 61 });
  lan.send('trunk', tagged);
  const [entered, ...left] = recording.take();
  expect(entered).toMatchObject({ direction: 'in', handle: 0, vlan: 10, tag: (0x8100 << 16) | 0xa00a, reason: null });
  expect(entered?.bytes).toEqual(untagged);
  expect(entered?.length).toBe(untagged.length);
  const byHandle = new Map(left.map((each) => [each.handle, each]));
  expect(byHandle.get(1)).toMatchObject({ direction: 'out', vlan: 10, length: untagged.length, bytes: untagged });
  expect(byHandle.get(2)).toMatchObject({ direction: 'out', vlan: 10, length: tagged.length, bytes: tagged });
  expect(left).toHaveLength(2);
});

test('each sink gets what it asked for: ports, directions, VLANs and filters', () => {
  const lan = new Lan({ a: {}, b: {}, c: { vlan: 20 }, d: { vlan: 20 } });
  const recording = new Recording();
  const tcp = parseFilter('tcp');
  recording.order(lan, [{}, { vlans: [20] }, { filter: tcp }, { vlans: [20], filter: tcp }], {
    a: { received: 0b1111 },
    b: { sent: 0b0101 },
    c: { received: 0b1110 },
  });
  lan.send('a', udp4(ENDS, [1, 2], new Uint8Array(20)));
  expect(recording.take().map(({ handle, sinks }) => [handle, sinks])).toEqual([
    [0, 0b0001],
    [1, 0b0001],
  ]);
  lan.send('a', tcp4(ENDS, [1, 2], 1, new Uint8Array(20)));
  expect(recording.take().map(({ handle, sinks }) => [handle, sinks])).toEqual([
    [0, 0b0101],
    [1, 0b0101],
  ]);
  lan.send('c', tcp4(ENDS, [1, 2], 1, new Uint8Array(20)));
  expect(recording.take().map(({ handle, sinks }) => [handle, sinks])).toEqual([[2, 0b1110]]);
  lan.send('d', tcp4(ENDS, [1, 2], 1, new Uint8Array(20)));
  expect(recording.take()).toEqual([]);
});

test('drops: one that entered says why it ended, a sink of drops gets it wherever it was dropped', () => {
  const lan = new Lan({ a: {}, b: { mtu: 500 }, trunk: { mode: 'trunk', vlan: 0 } });
  const recording = new Recording();
  const all = { received: 0b01, sent: 0b01, dropped: 0b10 };
  recording.order(lan, [{}, {}], { a: all, b: all, trunk: all });
  lan.send('trunk', frame({ payload: 60 }));
  expect(recording.take()).toMatchObject([
    { sinks: 0b01, handle: 2, direction: 'in', reason: 'UNTAGGED_ON_TRUNK', vlan: 0 },
    { sinks: 0b10, handle: 2, direction: 'in', reason: 'UNTAGGED_ON_TRUNK', vlan: 0 },
  ]);
  // Nobody else carries VLAN 7: found when it is to be flooded, after it was recorded.
  lan.send('trunk', frame({ tags: [7], payload: 60 }));
  expect(recording.take()).toMatchObject([
    { sinks: 0b01, handle: 2, reason: 'NO_EGRESS', vlan: 7 },
    { sinks: 0b10, handle: 2, reason: 'NO_EGRESS', vlan: 7 },
  ]);
  const long = frame({ payload: 600 });
  lan.send('a', long);
  const records = recording.take();
  expect(records.map(({ sinks, handle, direction, reason }) => [sinks, handle, direction, reason])).toEqual([
    [0b01, 0, 'in', null],
    [0b01, 2, 'out', null],
    [0b10, 1, 'out', 'OVER_MTU'],
  ]);
  expect(records[2]?.bytes).toEqual(long);
});

test('a tagged frame that the port does not take is of the VLAN that its tag says', () => {
  const lan = new Lan({ a: {}, b: {} });
  const recording = new Recording();
  recording.order(lan, [{ vlans: [99] }], { a: { dropped: 1 } });
  lan.send('a', frame({ tags: [98] }));
  lan.send('a', frame({ tags: [99] }));
  expect(recording.take()).toMatchObject([{ reason: 'NOT_A_MEMBER', vlan: 99 }]);
});

test('of each frame no more than the snap length is kept, and its length is told', () => {
  const lan = new Lan({ a: {}, trunk: { mode: 'trunk', vlan: 0 } });
  for (const snapLength of [64, 65, 66, 67, 100, 1000]) {
    const recording = new Recording();
    recording.order(lan, [{ snapLength }], { a: BOTH, trunk: BOTH });
    for (let payload = 0; payload < 200; payload += 7) {
      const plain = frame({ payload });
      const tagged = frame({ tags: [1], payload });
      lan.send('a', plain);
      const [entered, left] = recording.take();
      expect(entered).toMatchObject({ length: plain.length, bytes: plain.slice(0, snapLength) });
      expect(left).toMatchObject({ length: tagged.length, bytes: tagged.slice(0, snapLength) });
    }
  }
});

test('a super-frame is shown as it is, and segments as they left', () => {
  const lan = new Lan({ a: { offloads: OFFLOADS_ALL }, takes: { offloads: OFFLOADS_ALL }, takesNot: {} });
  const recording = new Recording();
  recording.order(lan, [{ snapLength: 128 }], { a: BOTH, takes: BOTH, takesNot: BOTH });
  const payload = Uint8Array.from({ length: 4000 }, (_, k) => k);
  const whole = tcp4({ ...ENDS, dst: 'ff:ff:ff:ff:ff:ff' }, [1, 2], 1, payload);
  lan.send('a', whole, offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1000));
  const records = recording.take();
  expect(records.map(({ handle, length }) => [handle, length])).toEqual(
    expect.arrayContaining([[0, whole.length], [1, whole.length], ...Array.from({ length: 4 }, () => [2, 54 + 1000])]),
  );
  expect(records).toHaveLength(6);
  expect(records.every(({ bytes }) => bytes.length === 128 && tagsOf(bytes) === 'untagged')).toBe(true);
});

test('frames that were refused by the kernel have not left', () => {
  const lan = new Lan({ a: {}, b: {} });
  const recording = new Recording();
  recording.order(lan, [{}], { b: { sent: 1, dropped: 1 } });
  lan.port('b').refuse = () => 11;
  lan.send('a', frame());
  expect(recording.take()).toMatchObject([{ direction: 'out', reason: 'EGRESS_FULL' }]);
});

test('a full ring: nothing waits, what found no room is counted by sink and port, and what is there stays whole', () => {
  const lan = new Lan({ a: {}, b: {} });
  const recording = new Recording();
  recording.order(lan, [{}, {}], { a: { received: 0b11 }, b: { sent: 0b10 } });
  const big = frame({ payload: 1400 });
  let sent = 0;
  while (recording.reader.missed(0, 0) < 10) {
    lan.send('a', big);
    sent++;
  }
  const missed = [0, 1].map((sink) => [0, 1].map((handle) => recording.reader.missed(sink, handle)));
  const records = recording.take();
  expect(records.every(({ bytes }) => Buffer.compare(bytes, big) === 0)).toBe(true);
  const kept = (bit: number, handle: number): number =>
    records.filter((each) => each.handle === handle && (each.sinks & bit) !== 0).length;
  expect(kept(1, 0) + missed[0]![0]!).toBe(sent);
  expect(kept(2, 0) + missed[1]![0]!).toBe(sent);
  expect(kept(2, 1) + missed[1]![1]!).toBe(sent);
  expect(missed[0]![1]).toBe(0);
  lan.send('a', big);
  expect(recording.take()).toHaveLength(2);
});

test('a worker that takes over goes on behind what was published', () => {
  const buffer = new SharedArrayBuffer(CAPTURE_RING_BYTES);
  const [first, reader] = [new CaptureRingWriter(buffer), new CaptureRingReader(buffer)];
  const write = (writer: CaptureRingWriter, vlan: number): void => {
    const record = writer.reserve(RECORD.DATA);
    writer.words[record + RECORD.VLAN] = vlan;
  };
  write(first, 1);
  first.publish();
  write(first, 2);
  const second = new CaptureRingWriter(buffer);
  write(second, 3);
  second.publish();
  const seen: number[] = [];
  for (let at = reader.next(); at >= 0; at = reader.next()) {
    seen.push(reader.words[at + RECORD.VLAN]!);
    reader.release(at);
  }
  expect(seen).toEqual([1, 3]);
});

test('nothing is recorded when nobody wants anything any more', () => {
  const lan = new Lan({ a: {}, b: {} });
  const recording = new Recording();
  recording.order(lan, [{}], { a: BOTH, b: BOTH });
  lan.dataPath.capture(null);
  lan.send('a', frame());
  expect(recording.take()).toEqual([]);
});

test('recording has a budget, which time fills again: beyond it frames are missed, and counted', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(4096));
  let nowMs = 0;
  const recorder = new Recorder({ bytes, address: 0 }, () => nowMs);
  const recording = new Recording();
  const sinks = [{ sink: 0, snapLength: 64, vlans: [], filter: null }];
  recorder.configure({
    ring: recording.buffer,
    sinks,
    ports: [{ handle: 0, port: 1, received: 1, sent: 0, dropped: 0 }],
  });
  const batch = new Batch(bytes);
  batch.count = 1;
  batch.offset[0] = 64;
  batch.length[0] = 60;
  const record = (frames: number): number => {
    for (let k = 0; k < frames; k++) recorder.entered(batch);
    recorder.finish();
    return recording.take().length;
  };
  expect(record(20_000)).toBe(16_384);
  expect(recording.reader.missed(0, 0)).toBe(20_000 - 16_384);
  nowMs += 10;
  expect(record(20_000)).toBe(3000);
});
