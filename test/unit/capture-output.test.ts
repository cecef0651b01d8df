/** From records to pcapng: every byte in its place, whatever the snap length cuts; comments, statistics, slow takers, files. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Output } from '../../src/capture/output.ts';
import type { CaptureReport, OutputPlace } from '../../src/shared/capture-messages.ts';
import { GSO_TCPV4, OFFLOADS_ALL } from '../../src/frame/vnet-header.ts';
import { frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { offloadHeader, PROTOCOL_TCP, tcp4 } from '../support/packets.ts';
import { readPcapng } from '../support/pcapng.ts';
import { Recording } from '../support/recording.ts';

const folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-output-`));
afterAll(() => rmSync(folder, { recursive: true }));

const BOTH = { received: 1, sent: 1 };

class Stage {
  readonly lan: Lan;
  readonly recording = new Recording();
  readonly reports: CaptureReport[] = [];
  readonly output: Output;
  now = 1_700_000_000_123_456;

  constructor(lan: Lan, place: OutputPlace = { file: null }) {
    this.lan = lan;
    const ports = Object.fromEntries([...lan.ports.keys()].map((name) => [name, BOTH]));
    this.recording.order(lan, [{}], ports);
    this.output = new Output({
      number: 1,
      place,
      application: 'tswitch test',
      nameOf: (port) => [...lan.ports.keys()][port - 100]!,
      now: () => this.now,
      report: (report) => this.reports.push(report),
    });
  }

  /** Writes what was recorded. @returns frames written */
  write(snapLength: number): number {
    const { reader } = this.recording;
    let frames = 0;
    for (let at = reader.next(); at >= 0; at = reader.next()) {
      this.output.write(reader, at, this.now, snapLength);
      reader.release(at);
      frames++;
    }
    return frames;
  }

  chunks(): Uint8Array {
    return Buffer.concat(this.reports.flatMap((report) => (report.told === 'chunk' ? [report.bytes] : [])));
  }
}

test.each([64, 65, 66, 67, 68, 100, 65_558])(
  'a snap length of %i: tags in their place, and no byte too many',
  (snapLength) => {
    const stage = new Stage(
      new Lan({ trunk: { mode: 'trunk', vlan: 0 }, access: { vlan: 10 }, other: { mode: 'trunk', vlan: 0 } }),
    );
    const wanted: { bytes: Uint8Array; length: number }[] = [];
    for (let payload = 0; payload < 150; payload++) {
      const tagged = frame({ tags: [{ vid: 10, pcp: 6 }], payload });
      const plain = frame({ payload });
      stage.lan.send('trunk', tagged);
      // In by the trunk, out by the other one and by the access port.
      for (const each of [tagged, tagged, plain]) {
        wanted.push({ bytes: each.slice(0, snapLength), length: each.length });
      }
    }
    stage.write(snapLength);
    stage.output.close();
    const { packets } = readPcapng(stage.chunks());
    const sorted = (all: { bytes: Uint8Array; length: number }[]) =>
      all.map(({ bytes, length }) => `${length} ${Buffer.from(bytes).toString('hex')}`).sort();
    expect(sorted(packets)).toEqual(sorted(wanted));
    expect(packets[0]).toMatchObject({ port: 'trunk', direction: 'in', micros: stage.now });
  },
);

test('a frame too short for addresses, one whose tag is cut off, and an empty one', () => {
  const stage = new Stage(new Lan({ a: {}, b: {} }));
  for (const length of [0, 1, 5, 11, 12, 13]) stage.lan.send('a', new Uint8Array(length).fill(length));
  stage.write(64);
  stage.output.close();
  const { packets } = readPcapng(stage.chunks());
  expect(packets.map(({ bytes }) => bytes.length)).toEqual([0, 1, 5, 11, 12, 13]);
  expect(packets.every(({ comment }) => comment.includes('received and dropped: RUNT (shorter than'))).toBe(true);
});

test('what is unfinished is in the comment, with the offsets of the frame as it is shown', () => {
  const trunk = { mode: 'trunk', vlan: 0, offloads: OFFLOADS_ALL } as const;
  const stage = new Stage(new Lan({ a: { vlan: 7, offloads: OFFLOADS_ALL }, trunk }));
  const ends = { src: mac(1), dst: 'ff:ff:ff:ff:ff:ff', sourceIp: '10.0.0.1', targetIp: '10.0.0.2' };
  stage.lan.send('a', tcp4(ends, [1, 2], 1, new Uint8Array(2500)), offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1000));
  stage.lan.send('a', tcp4(ends, [1, 2], 1, new Uint8Array(25)), offloadHeader(PROTOCOL_TCP, 0, 0));
  stage.write(100);
  stage.output.close();
  const { packets } = readPcapng(stage.chunks());
  const offload = 'its checksum is left to who puts it on a wire (offload), so it reads as wrong here and is not';
  expect(packets.map(({ comment }) => comment)).toEqual([
    `port a, received, VLAN 7; super-frame, 3 segments of 1000 bytes of payload when it is on a wire; ${offload} [virtio-net header: gso_type TCPV4, gso_size 1000, hdr_len 54, csum_start 34, csum_offset 16]`,
    `port trunk, sent, VLAN 7; super-frame, 3 segments of 1000 bytes of payload when it is on a wire; ${offload} [virtio-net header: gso_type TCPV4, gso_size 1000, hdr_len 58, csum_start 38, csum_offset 16]`,
    `port a, received, VLAN 7; ${offload} [virtio-net header: csum_start 34, csum_offset 16]`,
    `port trunk, sent, VLAN 7; ${offload} [virtio-net header: csum_start 38, csum_offset 16]`,
  ]);
  expect(packets.map(({ length }) => length)).toEqual([2554, 2558, 79, 83]);
});

test('a slow taker: so much is on its way, so much waits, then there is no room until it has taken some', () => {
  const stage = new Stage(new Lan({ a: {}, b: {} }));
  stage.output.describe(100, 0);
  stage.output.flush();
  const fill = (): void => {
    for (let k = 0; k < 500; k++) stage.lan.send('a', frame({ payload: 1400 }));
    stage.write(65_558);
    stage.output.flush();
  };
  let rounds = 0;
  for (; stage.output.hasRoom; rounds++) fill();
  expect(stage.chunks().length).toBeGreaterThan(4 * 2 ** 20);
  stage.output.noteTaken(stage.chunks().length);
  const before = stage.reports.length;
  stage.output.flush();
  expect(stage.output.hasRoom).toBe(true);
  expect(stage.reports.length).toBe(before + 1);
  stage.output.noteMissed(100, 17, 0);
  stage.output.close();
  const file = readPcapng(stage.chunks());
  expect(file.packets).toHaveLength(rounds * 500 * 2);
  expect(file.statistics['a']).toMatchObject({ received: rounds * 500 + 17, dropped: 17 });
  expect(file.statistics['b']).toEqual({ received: rounds * 500, dropped: 0, comment: '' });
});

test('a file of bounded size: both are whole, and have all interfaces', () => {
  const file = join(folder, 'x.pcapng');
  const stage = new Stage(new Lan({ a: {}, b: {} }), { file, bytesMax: 20_000 });
  let frames = 0;
  while (!existsSync(`${file}.1`)) {
    stage.lan.send('a', frame({ payload: 500 }));
    frames += stage.write(65_558);
    stage.output.flush();
  }
  stage.output.close();
  const [older, newer] = [`${file}.1`, file].map((path) => readPcapng(readFileSync(path)));
  expect(older!.packets).toHaveLength(frames);
  expect(newer!.packets).toEqual([]);
  expect(older!.interfaces).toEqual(newer!.interfaces);
  expect(older!.statistics['a']).toEqual({ received: frames / 2, dropped: 0, comment: '' });
});
