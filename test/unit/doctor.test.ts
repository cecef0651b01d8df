/** What the doctor says of a host, from facts of hosts unlike this one; and how it tells a frame that arrived from one that changed. */
import { describe, expect, test } from 'vitest';
import { examineHost, type HostFacts, readHostFacts } from '../../src/control/doctor/host.ts';
import {
  areSegmentsOf,
  type Ends,
  type Framed,
  isSame,
  numberOf,
  superFrame,
  udpFrame,
} from '../../src/control/doctor/probe-frame.ts';
import { FLAGS, VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';
import { hasRightChecksums } from '../support/packets.ts';

const WELL: HostFacts = {
  kernel: '6.12.1',
  missingCapabilities: [],
  cores: 4,
  clock: 'tsc',
  hasTun: true,
  tapIo: 'io_uring',
  bpfJit: 1,
  backlogDrops: 0,
  filesMax: 65_536,
  highOrderAllocationOff: 0,
  freeBytes: 2 ** 33,
};

describe('the host', () => {
  test('is well', () => {
    expect(examineHost(WELL).map(({ check, verdict }) => `${check} ${verdict}`)).toEqual([
      'kernel ok',
      'privileges ok',
      'processors ok',
      'clock ok',
      'TAP ok',
      'settings ok',
    ]);
  });

  test.each<[Partial<HostFacts>, string, string]>([
    [{ kernel: '6.1.0-28-amd64' }, 'kernel slow', 'no tcx links'],
    [{ kernel: '4.19.0' }, 'kernel broken', 'older'],
    [{ kernel: '10.1' }, 'kernel ok', 'Linux 10.1'],
    [{ missingCapabilities: ['CAP_NET_ADMIN'] }, 'privileges broken', 'CAP_NET_ADMIN is missing'],
    [{ missingCapabilities: ['CAP_SYS_PTRACE'] }, 'privileges off', 'CAP_SYS_PTRACE is missing'],
    [{ cores: 1 }, 'processors slow', 'there is one'],
    [{ clock: 'hpet' }, 'clock slow', 'hpet'],
    [{ clock: null }, 'clock unknown', 'cannot be read'],
    [{ hasTun: false }, 'TAP broken', '/dev/net/tun'],
    [{ tapIo: 'syscalls' }, 'TAP slow', 'a system call each'],
    [{ tapIo: null }, 'TAP ok', 'is there'],
    [{ bpfJit: 0 }, 'BPF slow', 'interprets'],
    [{ backlogDrops: 7 }, 'backlog slow', '7 frames'],
    [{ filesMax: 1024 }, 'open files slow', 'about 204 ports'],
    [{ highOrderAllocationOff: 1 }, 'memory pages slow', 'single pages'],
    [{ freeBytes: 100 * 2 ** 20 }, 'memory slow', '100 MiB'],
  ])('%o: %s', (facts, verdict, text) => {
    const found = examineHost({ ...WELL, ...facts });
    const [check] = verdict.split(/ (?=\w+$)/);
    const finding = found.find((each) => each.check === check);
    expect(`${finding?.check} ${finding?.verdict}`).toBe(verdict);
    expect(finding?.text).toContain(text);
  });

  test('this one can be read', () => {
    const facts = readHostFacts(null);
    expect(facts.cores).toBeGreaterThan(0);
    expect(facts.filesMax).toBeGreaterThan(0);
    expect(facts.backlogDrops).toBeGreaterThanOrEqual(0);
  });
});

describe('a probe', () => {
  const ends: Ends = {
    source: Uint8Array.of(2, 0, 0, 0, 0, 1),
    destination: Uint8Array.of(2, 0, 0, 0, 0, 2),
  };
  const changed = ({ header, frame }: Framed, at: number): Framed => {
    const copy = frame.slice();
    copy[at] = copy[at]! ^ 1;
    return { header, frame: copy };
  };

  test('has right checksums and is known by its number', () => {
    const probe = udpFrame(ends, [], 40_001, 46);
    expect(probe.frame).toHaveLength(60);
    expect(hasRightChecksums(probe.frame)).toBe(true);
    expect(numberOf(probe, ends.source)).toBe(40_001);
    expect(numberOf(udpFrame(ends, [10, 7], 40_002, 1500), ends.source)).toBe(40_002);
    expect(numberOf(probe, ends.destination)).toBeNull();
  });

  test('is the same with its checksum finished or not, and no other', () => {
    const left = udpFrame(ends, [10], 40_003, 200, true);
    const whole = udpFrame(ends, [10], 40_003, 200);
    expect(left.header[FLAGS]).toBe(1);
    expect(isSame(left, left)).toBe(true);
    expect(isSame(left, whole)).toBe(true);
    expect(isSame(left, { header: new Uint8Array(VNET_HEADER_BYTES), frame: left.frame })).toBe(false);
    for (const at of [0, 13, 15, 30, 60, 199]) expect(isSame(left, changed(whole, at))).toBe(false);
  });

  test('is told from its segments, and segments from others', () => {
    const whole = superFrame(ends, [], 40_004, 2, 100);
    const bytes = whole.frame;
    const segment = (from: number, count: number): Framed => {
      const part = superFrame(ends, [], 40_004, 1, count);
      part.frame.set(bytes.subarray(54 + from, 54 + from + count), 54);
      new DataView(part.frame.buffer).setUint32(38, 1 + from);
      return { header: Uint8Array.from(part.header.with(1, 0)), frame: part.frame };
    };
    const [first, second] = [segment(0, 100), segment(100, 100)];
    expect(isSame(whole, whole)).toBe(true);
    expect(areSegmentsOf(whole, [second, first])).toBe(true);
    expect(areSegmentsOf(whole, [first])).toBe(false);
    expect(areSegmentsOf(whole, [first, first])).toBe(false);
    expect(areSegmentsOf(whole, [first, changed(second, 70)])).toBe(false);
  });
});
