/** Captures of real traffic: what is in them, and that nobody waits for them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Fault } from '../../src/shared/commands.ts';
import { createSwitch } from '../../src/control/switch.ts';
import { expectFrames, startCapture } from '../support/capturing.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, expectTcp, type Host, Lab, runProgram, until } from '../support/lab.ts';
import { makeFolder } from '../support/folder.ts';

let lab = new Lab();
afterEach(async () => {
  await lab.close();
  lab = new Lab();
});

/** Two hosts that send nothing by themselves. */
async function pair(workers = 1) {
  const lan = await lab.switch({ workers });
  const [red, blue] = [await lab.netns('red', { ipv6: false }), await lab.netns('blue', { ipv6: false })];
  await lab.plug(lan, red, 'veth', { addresses: ['10.0.0.1/24'] });
  await lab.plug(lan, blue, 'veth', { addresses: ['10.0.0.2/24'] });
  return { lan, red, blue };
}

function send(host: Host, count: number, spec: Parameters<typeof frame>[0] = {}): void {
  const wire = host.wire();
  for (let k = 0; k < count; k++) wire.send(frame({ src: mac(k % 100), ...spec }));
}

test('a ping, as tcpdump reads it: an interface per port, each packet with its direction and its port', async () => {
  const { lan, red, blue } = await pair();
  const before = Date.now();
  const { id, end } = await startCapture(lan);
  expect(lan.captures.show(id)).toMatchObject({ state: 'running', ended: null, reason: null });
  expect(await red.pings('10.0.0.2')).toBe(true);
  const { file, raw, state, reason, frames, missed } = await end();
  expect([state, reason, missed]).toEqual(['ended', 'stopped', 0]);
  expect(file.interfaces.map(({ name }) => name)).toEqual([red.name, blue.name]);
  expect(file.packets).toHaveLength(frames);
  const echoes = file.packets.filter(({ bytes }) => bytes[12] === 8 && bytes[13] === 0 && bytes[23] === 1);
  // Three requests and three answers, each in by one port and out by the other.
  expect(echoes).toHaveLength(12);
  const places = echoes.map(({ port, direction }) => `${port} ${direction}`);
  expect(places[0]).toBe(`${red.name} in`);
  for (const place of [`${red.name} in`, `${blue.name} out`, `${blue.name} in`, `${red.name} out`]) {
    expect(places.filter((each) => each === place)).toHaveLength(3);
  }
  expect(echoes[0]!.comment).toBe(`port ${red.name}, received, VLAN 1`);
  for (const { micros } of file.packets) {
    expect(micros / 1000).toBeGreaterThanOrEqual(before - 1000);
    expect(micros / 1000).toBeLessThanOrEqual(Date.now() + 1000);
  }
  const path = join(makeFolder(lab), 'ping.pcapng');
  writeFileSync(path, raw);
  const lines = (await runProgram('tcpdump', ['-n', '-r', path, 'icmp'])).trim().split('\n');
  expect(lines.filter((line) => line.includes('10.0.0.1 > 10.0.0.2: ICMP echo request'))).toHaveLength(6);
  expect(lines.filter((line) => line.includes('10.0.0.2 > 10.0.0.1: ICMP echo reply'))).toHaveLength(6);
});

test('dropped frames with their reasons, on arrival and where they should have left', async () => {
  const { lan, red, blue } = await pair();
  await lan.patchPort(blue.name, { mtu: 1000 });
  const drops = await startCapture(lan, { drops: true });
  const ofVlan = await startCapture(lan, { drops: true, vlans: [30] });
  const sent = [{ tags: [20] }, { tags: [30] }, { payload: 1200 }, { src: 'ff:ff:ff:ff:ff:ff' }];
  for (const [index, spec] of sent.entries()) {
    send(red, 1, spec);
    await expectFrames(lan, drops.id, index + 1);
  }
  const { file } = await drops.end();
  const seen = file.packets.map(
    ({ port, direction, comment }) => `${port} ${direction} ${/: ([A-Z_]+)/.exec(comment)?.[1]}`,
  );
  expect(seen).toEqual([
    `${red.name} in NOT_A_MEMBER`,
    `${red.name} in NOT_A_MEMBER`,
    `${blue.name} out OVER_MTU`,
    `${red.name} in SOURCE_NOT_UNICAST`,
  ]);
  expect(file.packets[2]!.comment).toBe(
    `port ${blue.name}, not sent: OVER_MTU (longer than the egress port's MTU), VLAN 1`,
  );
  expect((await ofVlan.end()).file.packets.map(({ bytes }) => [...bytes.slice(12, 16)])).toEqual([[0x81, 0, 0, 30]]);
});

test('super-frames as they are: their length, what was kept of them, and what is unfinished in the comment', async () => {
  const { lan, red, blue } = await pair();
  const { end } = await startCapture(lan, { snaplen: 128, filter: 'tcp' });
  await expectTcp(red, blue, '10.0.0.2');
  await expectBalance(lan);
  const { file, missed } = await end();
  const superFrames = file.packets.filter(({ length }) => length > 1514);
  expect(superFrames.length).toBeGreaterThan(0);
  for (const { bytes, comment, direction } of superFrames) {
    expect(bytes).toHaveLength(128);
    expect(comment).toMatch(/super-frame, \d+ segments of \d+ bytes of payload/);
    expect(comment).toMatch(/\[virtio-net header: gso_type TCPV4(?:\|ECN)?, gso_size \d+, hdr_len \d+, csum_start 34/);
    expect(comment).toContain('its checksum is left to who puts it on a wire (offload)');
    expect(['in', 'out']).toContain(direction);
  }
  const counted = Object.values(file.statistics);
  expect(counted.reduce((sum, { received }) => sum + received, 0)).toBe(file.packets.length + missed);
});

test('it ends at its count, its size or its time, and with its statistics', async () => {
  const { lan, red } = await pair();
  const byCount = await startCapture(lan, { count: 5, direction: 'rx' });
  const bySize = await startCapture(lan, { maxBytes: 10_000, direction: 'rx' });
  const byTime = await startCapture(lan, { seconds: 1, filter: 'host 203.0.113.1' });
  send(red, 300);
  for (const [capture, reason] of [
    [byCount, 'count'],
    [bySize, 'size'],
    [byTime, 'seconds'],
  ] as const) {
    // prettier-ignore
    await until(`the end by ${reason}`, () => lan.captures.show(capture.id).state === 'ended');
    expect(lan.captures.show(capture.id).reason).toBe(reason);
  }
  const counted = await byCount.end();
  expect(counted.file.packets).toHaveLength(5);
  expect(counted.file.statistics[red.name]).toEqual({ received: 5, dropped: 0, comment: '' });
  const sized = await bySize.end();
  expect(sized.bytes).toBeGreaterThanOrEqual(10_000);
  expect(sized.bytes).toBeLessThan(10_200);
  expect((await byTime.end()).file.packets).toEqual([]);
});

test('several at once, each with its own wish; ports that come later belong to those of all ports', async () => {
  const { lan, red, blue } = await pair(2);
  const all = await startCapture(lan, { direction: 'rx' });
  const onBlue = await startCapture(lan, { ports: [blue.name], snaplen: 64 });
  const green = await lab.netns('green', { ipv6: false });
  await lab.plug(lan, green, 'veth');
  send(red, 10);
  send(green, 10);
  await expectFrames(lan, all.id, 20);
  await expectBalance(lan);
  const everywhere = await all.end();
  const inBy = (name: string) => everywhere.file.packets.filter(({ port }) => port === name).length;
  expect([inBy(red.name), inBy(green.name)]).toEqual([10, 10]);
  const { file } = await onBlue.end();
  expect(file.interfaces).toEqual([{ name: blue.name, snapLength: 64 }]);
  expect(file.packets.map(({ direction }) => direction)).toEqual(Array.from({ length: 20 }, () => 'out'));
  expect(lan.captures.list().map(({ id }) => id)).toEqual([all.id, onBlue.id]);
});

test('a reader that does not read holds up nobody; what it misses is counted, by port and in all', async () => {
  const { lan, red, blue } = await pair();
  const { id } = lan.captures.add({ ports: [red.name], direction: 'rx' });
  const stream = await lan.captures.read(id);
  const wire = red.wire();
  const big = frame({ payload: 1400 });
  let sent = 0;
  while (lan.captures.show(id).missed === 0) {
    for (let k = 0; k < 500; k++, sent++) wire.send(big);
    await until(
      'these to be taken',
      () => lan.port(red.name).stats.rx.frames + lan.port(red.name).stats.rx.drops >= sent,
    );
  }
  expect(await red.pings('10.0.0.2')).toBe(true);
  await expectBalance(lan);
  const entered = lan.port(red.name).stats.rx.frames;
  await expect.poll(() => lan.captures.show(id).frames + lan.captures.show(id).missed).toBe(entered);
  lan.captures.stop(id);
  const { readPcapng } = await import('../support/pcapng.ts');
  const file = readPcapng(await new Response(stream).bytes());
  const { frames, missed } = lan.captures.show(id);
  expect(file.packets).toHaveLength(frames);
  expect(file.statistics[red.name]).toMatchObject({ received: entered, dropped: missed });
  expect(file.statistics[red.name]!.comment).toContain(`${missed} frames are missing here`);
  expect(lan.port(blue.name).stats.tx.frames).toBeGreaterThan(0);
});

test('a reader that goes ends it; one that never comes leaves it waiting, and it can be forgotten', async () => {
  const { lan, red } = await pair();
  const { id } = lan.captures.add({});
  const reader = (await lan.captures.read(id)).getReader();
  await reader.read();
  await expect(lan.captures.read(id)).rejects.toMatchObject({ code: 'CAPTURE_BUSY' });
  await reader.cancel();
  await until('the end', () => lan.captures.show(id).state === 'ended');
  expect(lan.captures.show(id).reason).toBe('reader');
  send(red, 5);
  const waiting = lan.captures.add({});
  expect(waiting).toMatchObject({ state: 'waiting', started: null, frames: 0 });
  lan.captures.stop(waiting.id);
  expect(() => lan.captures.show(waiting.id)).toThrow(expect.objectContaining({ code: 'CAPTURE_NOT_FOUND' }));
});

test('a worker that is replaced in the middle: the capture goes on', async () => {
  let fault: (worker: number, fault: Fault) => Promise<void> = async () => {};
  const lan = await createSwitch({ workers: 1, giveFault: (given) => (fault = given) });
  lab.defer(() => lan.close());
  const red = await lab.netns('red', { ipv6: false });
  await lab.plug(lan, red, 'veth');
  const { id, end } = await startCapture(lan, { direction: 'rx' });
  send(red, 50);
  await expectFrames(lan, id, 50);
  await fault(0, 'throw');
  send(red, 50);
  await expectFrames(lan, id, 100);
  const { file, missed } = await end();
  expect([file.packets.length, missed]).toEqual([100, 0]);
});

test('a port that goes and one that gets its place: what each had stays its own', async () => {
  const { lan, red, blue } = await pair();
  const { id, end } = await startCapture(lan, { direction: 'rx' });
  send(red, 7);
  await expectFrames(lan, id, 7);
  await lan.removePort(red.name);
  const green = await lab.netns('green', { ipv6: false });
  await lab.plug(lan, green, 'veth');
  send(green, 9);
  send(blue, 1);
  await expectFrames(lan, id, 17);
  const { file } = await end();
  const of = (name: string) => file.packets.filter(({ port }) => port === name).length;
  expect([of(red.name), of(green.name), of(blue.name)]).toEqual([7, 9, 1]);
});
