/** The commands about the switch as a whole: MAC table, settings, drops, explanations. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { parseHex } from '../../src/cli/commands/explain.ts';
import type { FdbPage } from '../../src/control/model.ts';
import { cliRunner, commandRunner } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';
import { pcapFile } from './capture-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-cli-'));
const socket = join(folder, 'api.sock');
const tswitch = commandRunner(socket);
const asProcess = cliRunner(socket);
const ENTRIES = Array.from({ length: 12_000 }, (_, index) => ({
  mac: `02:00:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`,
  vlan: 10,
  port: 'red',
  kind: 'dynamic' as const,
  ageSeconds: 1,
}));
let api: { close(): Promise<void> };

beforeAll(async () => {
  api = await serveApi(fakeControl(ENTRIES), { socket });
  await tswitch(['plug', 'red', '--vlan', '10']);
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

describe('fdb', () => {
  test('fdb ls shows all pages to people, one page to programs', async () => {
    const all = (await tswitch(['fdb', 'ls'])).stdout.trim().split('\n');
    expect(all).toHaveLength(ENTRIES.length + 1);
    expect(all[1]).toBe('02:00:00:00:00:00    10  red   dynamic        1');
    expect((await tswitch(['fdb', 'ls', '--limit', '3'])).stdout.trim().split('\n')).toHaveLength(4);
    const { entries, total, nextCursor }: FdbPage = JSON.parse((await tswitch(['fdb', 'ls', '--json'])).stdout);
    expect([entries.length, total, nextCursor]).toEqual([10_000, 12_000, '10000']);
    expect((await tswitch(['fdb', 'ls', '--vlan', '11'])).stdout).toBe('no entries\n');
    expect((await tswitch(['fdb', 'flush'])).stdout).toBe('12000 entries removed\n');
  });

  test('add gives an entry, rm takes it back: of one VLAN or of all', async () => {
    const mac = '02:00:00:00:FF:01';
    const added = await tswitch(['fdb', 'add', mac, '--port', 'red']);
    expect(added).toEqual({ code: 0, stdout: '02:00:00:00:ff:01: static, VLAN 10, port red\n', stderr: '' });
    const sticky = await tswitch(['fdb', 'add', mac, '--port', 'red', '--vlan', '11', '--sticky', '--json']);
    expect(JSON.parse(sticky.stdout)).toMatchObject({ mac: mac.toLowerCase(), vlan: 11, kind: 'sticky' });
    await tswitch(['fdb', 'add', mac, '--port', 'red', '--vlan', '12']);
    expect((await tswitch(['fdb', 'ls', '--kind', 'sticky'])).stdout).toMatch(
      /^02:00:00:00:ff:01 +11 {2}red {3}sticky +0$/m,
    );
    expect((await tswitch(['fdb', 'flush', '--kind', 'static'])).stdout).toBe('2 entries removed\n');
    expect((await tswitch(['fdb', 'rm', mac, '--vlan', '12'])).stdout).toBe(
      '02:00:00:00:ff:01: removed from VLAN 12\n',
    );
    const again = await tswitch(['fdb', 'rm', mac, '--vlan', '12', '--json']);
    expect([again.code, again.stderr]).toEqual([1, 'tswitch: there is no entry 02:00:00:00:ff:01 in VLAN 12\n']);
    expect(again.stdout).toMatch(/FDB_ENTRY_NOT_FOUND/);
    expect((await tswitch(['fdb', 'rm', mac])).stdout).toBe('02:00:00:00:ff:01: removed from VLAN 10, 11\n');
    const none = await tswitch(['fdb', 'rm', mac]);
    expect([none.code, none.stderr]).toEqual([
      1,
      'tswitch: there is no entry of 02:00:00:00:ff:01; `tswitch fdb ls` shows all\n',
    ]);
    expect((await tswitch(['fdb', 'add', mac, '--port', 'none'])).stderr).toBe('tswitch: there is no port none\n');
  });
});

describe('switch', () => {
  test('switch set and show', async () => {
    const set = await tswitch(['switch', 'set', '--ageing-seconds', '60', '--forward-reserved', '01:80:C2:00:00:0E']);
    expect(set.stdout).toMatch(/^ageing +60 s\n.*\nforwarded reserved addresses {2}01:80:c2:00:00:0e$/m);
    expect((await tswitch(['switch', 'set', '--forward-reserved', 'none'])).stdout).toMatch(/addresses +none$/m);
    const shown = await tswitch(['switch', 'show', '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ ageingSeconds: 60 });
  });

  test('set says what it was told, and leaves the rest', async () => {
    const flags = ['--drop-reserved', '01:80:c2:00:00:21', '--mac-move-limit', 'none', '--mac-move-hold-seconds', '30'];
    const loops = ['--loop-protection=false', '--loop-hold-seconds', '5'];
    await tswitch(['switch', 'set', '--forward-reserved', '01:80:c2:00:00:0e']);
    const { stdout } = await tswitch(['switch', 'set', ...flags, ...loops]);
    expect(stdout).toMatch(/^forwarded reserved addresses {2}01:80:c2:00:00:0e$/m);
    expect(stdout).toMatch(/^dropped reserved addresses {4}01:80:c2:00:00:21$/m);
    expect(stdout).toMatch(/^mac move limit +none\nmac move hold +30 s\nloop protection +no\nloop hold +5 s$/m);
    expect((await tswitch(['switch', 'set', '--mac-move-limit', '9', '--loop-protection'])).stdout).toMatch(
      /^mac move limit +9 moves\/s\n.*\nloop protection +yes$/m,
    );
  });
});

describe('drops', () => {
  test('says why, on which ports, and shows the last frames', async () => {
    const { stdout } = await tswitch(['drops']);
    expect(stdout.split('\n')).toEqual([
      'REASON        FRAMES  ON PORTS  MEANING',
      'NOT_A_MEMBER       4  red 4     tagged with a VID that the ingress port does not carry tagged',
      '  2026-01-31T12:00:00.000Z  red  64 bytes  02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, 802.1Q vlan 10 p 0, ARP',
      '',
    ]);
    expect(JSON.parse((await tswitch(['drops', '--json'])).stdout)).toMatchObject({ drops: [{ count: 4 }] });
  });
});

describe('explain', () => {
  test.each([
    ['ffff', 'ffff'],
    ['0xFF ff:0a\n0B', 'ffff0a0b'],
    ['0xff 0x0a', 'ff0a'],
    [' f f ', 'ff'],
  ])('reads %j', (text, hex) => expect(parseHex(text).toString('hex')).toBe(hex));

  test.each(['', '0x', ' ', 'f', 'gg', 'ff,ff', '0xx'])('refuses %j', (text) => {
    expect(() => parseHex(text)).toThrow(/^--frame: /);
  });

  test('shows every step and every copy', async () => {
    const bytes = 'ff'.repeat(20);
    const { code, stdout } = await tswitch(['explain', '--port', 'red', '--frame', bytes]);
    expect([code, stdout.split('\n')]).toEqual([
      0,
      [
        'frame of 20 bytes',
        'admit         accepted   whole header, individual source',
        'destination   flooded    broadcast',
        '-> b  sent untagged, 60 bytes:',
        '   copy of 20 bytes',
        `   0000  ${'ff '.repeat(16).trim()}`,
        '   0010  ff ff ff ff',
        '-- c  not sent: the port is down (EGRESS_DOWN)',
        '',
      ],
    ]);
    const long = (await tswitch(['explain', '--port', 'red', '--frame', 'ff'.repeat(1514)])).stdout;
    expect(long).toMatch(/^ {3}0070 {2}.*\n {3}and 1386 more bytes; --json shows all$/m);
  });

  test('a frame that is dropped is explained as well, from standard input too', async () => {
    const { code, stdout, stderr } = await asProcess(['explain', '--port', 'red', '--frame', '-'], {}, '0x00 00\n');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^frame of 2 bytes\nadmit {3}accepted .*\nvlan {4}dropped {4}tagged with/);
    const json = await tswitch(['explain', '--port', 'red', '--frame', '0000', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ outcome: 'dropped', reason: 'NOT_A_MEMBER' });
    expect((await tswitch(['explain', '--port', 'none', '--frame', '00'])).code).toBe(1);
  });

  test('frames of a capture are explained one after another, a hundred at most', async () => {
    const file = join(folder, 'trace.pcap');
    writeFileSync(file, pcapFile([Buffer.alloc(14, 0xff), Buffer.alloc(20)], { wireBytes: 20 }));
    const two = (await tswitch(['explain', '--port', 'red', '--pcap', file])).stdout;
    expect(two).toMatch(/^frame 1 of 2\nframe of 14 bytes\n[^]*\n\nframe 2 of 2\nframe of 20 bytes\n/);
    expect(two).toMatch(/^the capture holds only 14 of its 20 bytes; capture with a larger snap length/m);
    writeFileSync(file, pcapFile(Array.from({ length: 103 }, () => Buffer.alloc(14))));
    const many = await tswitch(['explain', '--port', 'red', '--pcap', file, '--json']);
    expect([many.code, many.stdout.trim().split('\n')]).toEqual([0, expect.objectContaining({ length: 100 })]);
    for (const line of many.stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('stages');
    expect(many.stderr).toBe('tswitch: 3 more frames were left out; 100 are explained at most\n');
    const missing = await tswitch(['explain', '--port', 'red', '--pcap', join(folder, 'none')]);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringMatching(/^tswitch: cannot read the capture: ENOENT/),
    ]);
  });
});

describe('doctor', () => {
  test('shows what was found, and fails where something is broken', async () => {
    const well = await tswitch(['doctor']);
    expect(well).toMatchObject({ code: 0, stderr: '' });
    expect(well.stdout).toMatch(/^host +kernel +ok +Linux 6.12$/m);
    expect(well.stdout).toMatch(/^red +small +ok +all pass$/m);
    expect(well.stdout).toMatch(/2 ok, 0 slow, 0 broken\n$/);
    await tswitch(['port', 'set', 'red', '--admin', 'down']);
    const ill = await tswitch(['doctor', 'red']);
    expect(ill.code).toBe(1);
    expect(ill.stdout).toMatch(/^red +small +broken +all are lost: set it up$/m);
    const json = await tswitch(['doctor', 'red', '--json']);
    expect(JSON.parse(json.stdout).findings).toHaveLength(2);
    await tswitch(['port', 'set', 'red', '--admin', 'up']);
    expect(await tswitch(['doctor', 'nobody'])).toMatchObject({ code: 1, stdout: '' });
  });

  test('examines the host where no daemon answers', async () => {
    const alone = await cliRunner(join(folder, 'none.sock'))(['doctor']);
    expect(alone.stdout).toMatch(/^host +kernel/m);
    expect(alone.stderr).toMatch(/no daemon answers on .*; so no port was examined/);
  });
});
