/** The command line: values and tables by themselves, then the real program against the API on a real Unix socket. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { plugRequest } from '../../src/cli/commands/plug.ts';
import { formatFields, formatTable, hasColour } from '../../src/cli/output.ts';
import {
  formatVidList,
  limitUpTo,
  parseFlag,
  parseList,
  parseSize,
  parseVidList,
  wholeNumber,
} from '../../src/cli/values.ts';
import type { PortView } from '../../src/control/model.ts';
import { cliRunner, commandRunner, MAIN, usage } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

describe('values', () => {
  test.each([
    ['10', [10]],
    ['10,20-23', [10, 20, 21, 22, 23]],
    ['20-22,21-23,5', [5, 20, 21, 22, 23]],
    ['1, 4094', [1, 4094]],
    ['all', []],
  ])('LIST %s', (text, vids) => expect(parseVidList(text)).toEqual(vids));

  test.each(['', '0', '4095', '10-', '-10', '30-20', '10,,20', 'red', '1-99999', '10;20', '1e1', '0x10'])(
    'LIST refuses "%s"',
    (text) => expect(() => parseVidList(text)).toThrow(InvalidArgumentError),
  );

  test.each([
    ['4096', 4096],
    ['64K', 65_536],
    ['1m', 2 ** 20],
    ['1G', 2 ** 30],
  ])('size %s', (text, bytes) => expect(parseSize(4096, 2 ** 30)(text)).toBe(bytes));
  test.each(['', '4095', '2G', '1.5M', '-1', '1 M', '1MB', '0x10', 'K'])('a size is not "%s"', (text) => {
    expect(() => parseSize(4096, 2 ** 30)(text)).toThrow('Give a size from 4K to 1G, like 100M.');
  });

  test('a LIST reads back as it was printed', () => {
    const lists = fc.uniqueArray(fc.integer({ min: 1, max: 4094 }), { maxLength: 40 });
    fc.assert(
      fc.property(lists, (vids) => {
        const sorted = vids.toSorted((a, b) => a - b);
        expect(parseVidList(formatVidList(sorted))).toEqual(sorted);
      }),
    );
    expect(formatVidList([5, 20, 21, 22])).toBe('5,20-22');
  });

  test('flags, lists and numbers', () => {
    expect([parseFlag('true'), parseFlag('false')]).toEqual([true, false]);
    expect(() => parseFlag('red')).toThrow(/--flag=false/);
    expect(parseList('a,b', ['c'])).toEqual(['c', 'a', 'b']);
    expect(parseList('none', undefined)).toEqual([]);
    expect(wholeNumber(1, 9)('9')).toBe(9);
    expect(JSON.stringify([limitUpTo(9)('9'), limitUpTo(9)('none')])).toBe('[9,null]');
    for (const text of ['0', '10', '', '1.5', '-1', '1e0', ' 1']) {
      expect(() => limitUpTo(9)(text)).toThrow(/1 to 9, or none/);
      expect(() => wholeNumber(1, 9)(text)).toThrow(/1 to 9/);
    }
  });
});

describe('tables', () => {
  const rows = [
    ['red', 7, { text: 'up', colour: 'green' }],
    ['a-longer-one', 1234, { text: '', colour: 'red' }],
  ] as const;

  test('are aligned, numbers to the right, without white space at the ends', () => {
    expect(formatTable(['NAME', 'N', 'STATE'], rows, false)).toBe(
      ['NAME             N  STATE', 'red              7  up', 'a-longer-one  1234'].join('\n'),
    );
    expect(formatTable(['NAME'], [], false)).toBe('NAME');
  });

  test('are the same in colour, but for the colour', () => {
    const coloured = formatTable(['NAME', 'N', 'STATE'], rows, true);
    expect(coloured).toContain('\u001b[32mup\u001b[39m');
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9]+m`, 'g');
    expect(coloured.replace(escapes, '')).toBe(formatTable(['NAME', 'N', 'STATE'], rows, false));
  });

  test('show control characters as question marks', () => {
    expect(formatTable(['NAME'], [['a\u001b[31mb\nc']], true)).toMatch(/a\?\[31mb\?c$/);
    expect(formatFields([['name', 'a\rb']], false)).toBe('name  a?b');
  });

  test('colour needs a terminal, and no NO_COLOR', () => {
    const terminal = { isTTY: true };
    expect(hasColour(terminal, {})).toBe(true);
    expect(hasColour(terminal, { NO_COLOR: '' })).toBe(true);
    expect(hasColour(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(hasColour(terminal, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
    expect(hasColour(terminal, { TERM: 'dumb' })).toBe(false);
    expect(hasColour({}, { FORCE_COLOR: '1' })).toBe(false);
  });
});

describe('what plug asks for', () => {
  const kind = 'veth' as const;
  test.each([
    ['red', { kind }, { name: 'red', netns: 'red', kind }],
    ['red', { kind, vlan: 10 }, { name: 'red', netns: 'red', kind, vlan: 10 }],
    ['red', { kind, trunk: true as const }, { name: 'red', netns: 'red', kind, mode: 'trunk', trunks: [] }],
    ['red', { kind, trunk: [10, 20] }, { name: 'red', netns: 'red', kind, mode: 'trunk', trunks: [10, 20] }],
    [
      'red',
      { kind, trunk: [10], native: 5 },
      { name: 'red', netns: 'red', kind, mode: 'native-untagged', vlan: 5, trunks: [10] },
    ],
    [
      'red',
      { kind, mode: 'dot1q-tunnel' as const, vlan: 100, cvlans: [5], tpid: '0x8100', fdbLimit: 9 },
      { name: 'red', netns: 'red', kind, mode: 'dot1q-tunnel', vlan: 100, cvlans: [5], tpid: '0x8100', fdbLimit: 9 },
    ],
    [
      'red',
      { kind, mode: 'native-tagged' as const, trunk: true as const, native: 5 },
      { name: 'red', netns: 'red', kind, mode: 'native-tagged', vlan: 5, trunks: [] },
    ],
    [
      '4711',
      { kind, name: 'web', create: true, ip: ['10.0.0.1/24'], gateway: '10.0.0.2', ifname: 'e1', mtu: 9000 },
      {
        name: 'web',
        netns: '4711',
        kind,
        createNetns: true,
        addresses: ['10.0.0.1/24'],
        gateway: '10.0.0.2',
        ifname: 'e1',
        mtu: 9000,
      },
    ],
  ])('%s %j', (netns, options, request) => expect(plugRequest(netns, options)).toEqual(request));

  test.each(['host', '4711', '/run/netns/red', './red', 'my namespace'])('%s needs --name', (netns) => {
    expect(() => plugRequest(netns, { kind })).toThrow(/--name/);
  });
});

const folder = mkdtempSync(join(tmpdir(), 'tswitch-cli-'));
const socket = join(folder, 'api.sock');
const tswitch = commandRunner(socket);
const asProcess = cliRunner(socket);
const ENTRIES = Array.from({ length: 12_000 }, (_, index) => ({
  ...{
    mac: `02:00:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`,
  },
  vlan: 10,
  port: 'red',
  kind: 'dynamic' as const,
  ageSeconds: 1,
}));
let api: { close(): Promise<void> };

/** What no request can make of a port: one named `lost` is lost, `looped` and `inward` are blocked. */
function changed(port: PortView): PortView {
  const time = '2026-01-31T12:00:00.000Z';
  const blocked = { peer: 'red', since: time, until: '2026-01-31T12:01:00.000Z' };
  if (port.name === 'lost') return { ...port, state: 'lost' };
  if (port.name === 'inward') return { ...port, blocked: { ...blocked, peer: 'inward' } };
  if (port.name !== 'looped') return port;
  const found = { event: 'loop.found' as const, time, port: 'looped', peer: 'red' };
  return { ...port, blocked, protection: [found, { event: 'loop.cleared', time, port: 'looped' }] };
}

beforeAll(async () => {
  const control = fakeControl(ENTRIES);
  const ports = () => control.ports().map(changed);
  const port = (name: string) => changed(control.port(name));
  api = await serveApi({ ...control, ports, port }, { socket });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

describe('wrong usage is exit code 2, with a line that says what', () => {
  test.each<[string, string[], RegExp]>([
    ['no command', [], /Usage: tswitch/],
    ['typing error', ['prot', 'ls'], /unknown command 'prot'\n\(Did you mean port\?\)/],
    ['typing error below', ['port', 'lss'], /unknown command 'lss'\n\(Did you mean ls\?\)/],
    ['typing error in a flag', ['plug', 'red', '--vlna', '1'], /unknown option '--vlna'\n\(Did you mean --vlan\?\)/],
    ['nothing to plug', ['plug'], /missing required argument 'netns'/],
    ['one word too many', ['unplug', 'red', 'blue'], /too many arguments/],
    ['no kind', ['port', 'add', 'red'], /required option '--kind <kind>' not specified/],
    ['unknown kind', ['port', 'add', 'red', '--kind', 'memory'], /Allowed choices are veth, tap, packet/],
    ['VID 4095', ['plug', 'red', '--vlan', '4095'], /whole number from 1 to 4094/],
    ['LIST that is none', ['plug', '--trunk', 'red'], /VLANs from 1 to 4094 like 10,20-30/],
    ['access and trunk', ['plug', 'red', '--vlan', '1', '--trunk'], /cannot be used with/],
    ['native without trunk', ['plug', 'red', '--native', '1'], /--native needs --trunk/],
    ['host without name', ['plug', 'host'], /give the port a name with --name/],
    ['flag that is none', ['port', 'set', '--isolated', 'red'], /Give true or false/],
    ['nothing to set', ['port', 'set', 'red'], /say what to set/],
    ['no switch setting', ['switch', 'set'], /say what to set/],
    [
      'unknown mode',
      ['plug', 'red', '--mode', 'hub'],
      /Allowed choices are access, trunk, .*dot1q-tunnel, transparent/,
    ],
    ['TPID 9100', ['port', 'set', 'red', '--tpid', '0x9100'], /Allowed choices are 0x88a8, 0x8100/],
    ['no storm limit', ['port', 'set', 'red', '--broadcast-limit', '0'], /whole number from 1 to 10000000, or none/],
    ['FDB limit of a port', ['plug', 'red', '--fdb-limit', 'all'], /whole number from 1 to 1048576, or none/],
    ['entry without port', ['fdb', 'add', '02:00:00:00:00:01'], /required option '--port <port>' not specified/],
    ['entry without MAC', ['fdb', 'rm'], /missing required argument 'mac'/],
    ['entry of no MAC', ['fdb', 'rm', 'red'], /Give a MAC address like 02:00:00:00:00:01/],
    ['unknown kind of entry', ['fdb', 'flush', '--kind', 'all'], /Allowed choices are dynamic, static, sticky/],
    ['nothing to explain', ['explain', '--port', 'red'], /give a frame with --frame or a file of frames with --pcap/],
    ['two to explain', ['explain', '--port', 'red', '--frame', 'ff', '--pcap', 'f'], /cannot be used with/],
    ['no hex', ['explain', '--port', 'red', '--frame', 'red'], /--frame: give hex digits/],
    ['half a byte', ['explain', '--port', 'red', '--frame', 'ff f'], /--frame: a byte has two hex digits/],
    ['unknown event', ['events', '--name', 'port.gone'], /Allowed choices are port\.added/],
    ['bench without time', ['bench', '--seconds', '0'], /seconds from 0\.1 to 60/],
    ['bench of no kind', ['bench', '--kind', 'tun'], /Allowed choices are veth, tap, packet, xdp/],
    ['MTU 67', ['plug', 'red', '--mtu', '67'], /from 68 to 9000/],
  ])('%s', async (_, args, sentence) => {
    const { code, stdout, stderr } = await usage(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test('the exit code of wrong usage reaches the shell', async () => {
  expect(await asProcess(['prot'])).toMatchObject({ code: 2, stdout: '' });
});

describe('without a daemon', () => {
  test('one line says so, and what to do; exit code 1', async () => {
    const none = join(folder, 'none.sock');
    const line = `tswitch: no daemon answers on ${none}; start one with \`tswitch serve\`\n`;
    expect(await asProcess(['port', 'ls', '--socket', none])).toEqual({ code: 1, stdout: '', stderr: line });
    expect(await tswitch(['--json', '--socket', none, 'stats'])).toEqual({ code: 1, stdout: '', stderr: line });
    expect(await asProcess(['drops'], { TSWITCH_SOCKET: none })).toEqual({ code: 1, stdout: '', stderr: line });
  });

  test('what the command line says of the daemon wins over the environment, where an empty value is none', async () => {
    const none = join(folder, 'none.sock');
    const silent = { TSWITCH_URL: 'http://127.0.0.1:1', TSWITCH_SOCKET: none };
    const failure = async (args: string[], env: NodeJS.ProcessEnv) =>
      (await asProcess(['vlan', 'ls', ...args], env)).stderr;
    expect(await failure([], silent)).toMatch(/cannot reach the daemon at http:\/\/127\.0\.0\.1:1/);
    expect(await failure(['--socket', socket], silent)).toBe('');
    expect(await failure(['--url', 'http://127.0.0.1:2'], silent)).toMatch(/127\.0\.0\.1:2/);
    expect(await failure([], { TSWITCH_URL: '', TSWITCH_SOCKET: socket })).toBe('');
    expect(await failure([], { TSWITCH_URL: '', TSWITCH_SOCKET: '' })).not.toMatch(/127|none\.sock/);
    expect(await usage(['vlan', 'ls', '--socket', none, '--url', 'http://127.0.0.1:2'])).toMatchObject({
      code: 2,
      stderr: 'tswitch: --socket and --url name two daemons: give one of them\n',
    });
  });

  test('a server that is none of ours is told apart', async () => {
    const path = join(folder, 'foreign.sock');
    const server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const { code, stderr } = await tswitch(['port', 'ls', '--socket', path]);
    await new Promise((resolve) => server.close(resolve));
    expect([code, stderr]).toEqual([1, `tswitch: what answers on ${path} is no tswitch daemon; check --socket\n`]);
  });
});

describe('with a daemon', () => {
  test('ports come, show themselves, change and go', async () => {
    const plugged = await asProcess(['plug', 'red', '--ip', '10.0.0.1/24', '--ip', 'fd00::1/64', '--vlan', '10']);
    const line = 'red: veth, red/eth0, access 10, 02:00:00:00:00:01, 10.0.0.1/24, fd00::1/64, up\n';
    expect(plugged).toEqual({ code: 0, stdout: line, stderr: '' });
    const again = await asProcess(['plug', 'red']);
    expect(again.code).toBe(1);
    expect(again.stderr).toBe(
      'tswitch: there is a port red already; for a second interface in red give --name and --ifname\n',
    );
    expect((await tswitch(['plug', 'red', '--name', 'red2', '--ifname', 'eth1'])).code).toBe(0);
    const flags = [
      '--flood-unknown=false',
      '--isolated',
      '--mode',
      'native-tagged',
      '--vlan',
      '5',
      '--trunks',
      '10,20-22',
    ];
    expect((await tswitch(['port', 'set', 'red2', ...flags])).stdout).toMatch(/native-tagged 10,20-22 native 5/);
    const shown = await tswitch(['port', 'show', 'red2']);
    expect(shown.stdout).toMatch(/^flood unknown {4}no$/m);
    expect(shown.stdout).toMatch(/^isolated {9}yes$/m);
    const listed = await asProcess(['port', 'ls']);
    expect(listed.stdout).toMatch(/^NAME {2}STATE {2}KIND {2}INTERFACE {2}MODE {11}VLANS {14}MAC/);
    expect(listed.stdout).toMatch(/^red2 {2}up {5}veth {2}red\/eth1 {3}native-tagged {2}10,20-22 native 5 {2}02:/m);
    expect((await tswitch(['vlan', 'ls'])).stdout).toMatch(/^ {2}10 {2}red, red2/m);
    const ambiguous = await tswitch(['unplug', 'red']);
    expect([ambiguous.code, ambiguous.stderr]).toEqual([
      1,
      expect.stringMatching(/say which with --ifname: eth0, eth1/),
    ]);
    expect((await tswitch(['unplug', '/run/netns/red', '--ifname', 'eth1'])).code).toBe(0);
    expect(await tswitch(['unplug', 'red', '--json'])).toEqual({ code: 0, stdout: '', stderr: '' });
    const gone = await tswitch(['unplug', 'red']);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringMatching(/red has no interface in this switch/)]);
    expect((await tswitch(['port', 'ls'])).stdout).toBe('no ports; `tswitch plug` makes one\n');
  });

  test('where the name is that of a lost port, the advice is to unplug it first', async () => {
    await tswitch(['plug', 'lost']);
    const line =
      'tswitch: there is a port lost already, but its namespace or interface is gone; `tswitch unplug lost` first\n';
    expect(await tswitch(['plug', 'lost'])).toEqual({ code: 1, stdout: '', stderr: line });
    expect((await tswitch(['plug', 'other', '--name', 'lost'])).stderr).toBe(line);
    expect((await tswitch(['unplug', 'lost'])).code).toBe(0);
    expect((await tswitch(['plug', 'lost'])).code).toBe(0);
    await tswitch(['unplug', 'lost']);
  });

  test('trunks without a mode make a trunk, and with a VLAN one with a native VLAN', async () => {
    const describe = async (...args: string[]) => (await tswitch(['port', ...args])).stdout.split(', ')[2];
    const red = ['add', 'red', '--kind', 'veth', '--netns', 'red'];
    expect(await describe(...red, '--trunks', '10,20')).toBe('trunk 10,20');
    // What is a trunk stays the trunk that it is.
    expect(await describe('set', 'red', '--mode', 'native-tagged', '--vlan', '5')).toBe('native-tagged 10,20 native 5');
    expect(await describe('set', 'red', '--trunks', '10')).toBe('native-tagged 10 native 5');
    expect(await describe('set', 'red', '--mode', 'access', '--vlan', '6')).toBe('access 6');
    expect(await describe('set', 'red', '--trunks', '10')).toBe('trunk 10');
    expect(await describe('set', 'red', '--mode', 'access')).toBe('access 1');
    expect(await describe('set', 'red', '--trunks', '10', '--vlan', '7')).toBe('native-untagged 10 native 7');
    await tswitch(['port', 'rm', 'red']);
    expect(await describe(...red, '--vlan', '5', '--trunks', '10')).toBe('native-untagged 10 native 5');
    await tswitch(['port', 'rm', 'red']);
    expect((await tswitch(['port', ...red, '--mode', 'access', '--trunks', '10'])).stderr).toMatch(/mode access/);
    expect((await tswitch(['port', 'set', 'red', '--trunks', '10'])).stderr).toBe('tswitch: there is no port red\n');
  });

  test('port add takes the flags of plug too', async () => {
    const flags = ['--ip', '10.0.0.1/24', '--addresses', 'fd00::1/64', '--create', '--trunk'];
    const { stdout } = await tswitch(['port', 'add', 'red', '--kind', 'veth', '--netns', 'red', ...flags]);
    expect(stdout).toMatch(/^red: veth, red\/eth0, trunk all, .*, 10\.0\.0\.1\/24, fd00::1\/64, up$/m);
    await tswitch(['port', 'rm', 'red']);
    const onPid = ['port', 'add', 'red', '--kind', 'veth', '--netns', '1', '--create'];
    expect((await tswitch(onPid)).stderr).toMatch(/^tswitch: createNetns: /);
  });

  test('every field of a request has its flag', async () => {
    const place = [
      '--kind',
      'tap',
      '--netns',
      'vm',
      '--ifname',
      'e0',
      '--addresses',
      '10.0.0.1/24,fd00::1/64',
      '--create-netns',
    ];
    const more = ['--mac', '02:00:00:00:00:0A', '--gateway', '10.0.0.2', '--mtu', '9000', '--learning=false'];
    const floods = ['--flood-multicast=false', '--flood-broadcast=false', '--admin', 'down', '--offloads', 'csum,tso4'];
    const { stdout, stderr } = await tswitch(['port', 'add', 'vm', ...place, ...more, ...floods, '--json']);
    expect(stderr).toBe('');
    const port: PortView = JSON.parse(stdout);
    expect(port).toMatchObject({ kind: 'tap', netns: 'vm', ifname: 'e0', addresses: ['10.0.0.1/24', 'fd00::1/64'] });
    expect(port).toMatchObject({ mac: '02:00:00:00:00:0a', mtu: 9000, learning: false, floodMulticast: false });
    expect(port).toMatchObject({
      floodUnknown: true,
      floodBroadcast: false,
      admin: 'down',
      offloads: ['csum', 'tso4'],
    });
    const tags = ['--mode', 'dot1q-tunnel', '--vlan', '100', '--cvlans', '10,20-22', '--tpid', '0x8100'];
    const limits = [
      '--broadcast-limit',
      '500',
      '--multicast-limit',
      'none',
      '--unknown-limit',
      '7',
      '--fdb-limit',
      '9',
    ];
    const set = await tswitch(['port', 'set', 'vm', ...tags, ...limits, '--priority-tags', 'if-nonzero', '--json']);
    expect(JSON.parse(set.stdout)).toMatchObject({
      ...{ mode: 'dot1q-tunnel', vlan: 100, cvlans: [10, 20, 21, 22], tpid: '0x8100', priorityTags: 'if-nonzero' },
      ...{ broadcastLimit: 500, multicastLimit: null, unknownLimit: 7, fdbLimit: 9 },
    });
    const shown = (await tswitch(['port', 'show', 'vm'])).stdout;
    expect(shown).toMatch(
      /^mode +dot1q-tunnel\nvlans +100 customer 10,20-22\ntpid +0x8100\npriority tags +if-nonzero$/m,
    );
    expect(shown).toMatch(/^fdb limit +9 addresses\nbroadcast limit +500 frames\/s\nmulticast limit +none$/m);
    const free = await tswitch(['port', 'set', 'vm', '--fdb-limit', 'none', '--mode', 'transparent', '--json']);
    expect(JSON.parse(free.stdout)).toMatchObject({ fdbLimit: null, mode: 'transparent', vlan: 100, cvlans: [] });
    expect((await tswitch(['port', 'rm', 'vm'])).stdout).toBe('vm: removed\n');
  });

  test('plug takes every setting too', async () => {
    const flags = ['--mode', 'dot1q-tunnel', '--vlan', '100', '--isolated', '--unknown-limit', 'none'];
    const { stdout } = await tswitch(['plug', 'red', ...flags, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ mode: 'dot1q-tunnel', vlan: 100, isolated: true, unknownLimit: null });
    await tswitch(['unplug', 'red']);
  });

  test('a port that is blocked says so, and what happened', async () => {
    await tswitch(['plug', 'looped']);
    expect((await tswitch(['port', 'ls'])).stdout).toMatch(/^looped {2}up, blocked {2}veth/m);
    const shown = (await tswitch(['port', 'show', 'looped'])).stdout;
    expect(shown).toMatch(/^state +up, blocked$/m);
    expect(shown).toMatch(/^blocked +in a loop with red outside the switch; since .*12:00:00\.000Z, until .*:01:00/m);
    expect(shown).toMatch(
      /^protection +2026-01-31T12:00:00\.000Z {2}loop\.found +port=looped peer=red$\n^ +2026-.*loop\.cl/m,
    );
    await tswitch(['unplug', 'looped']);
    await tswitch(['plug', 'inward']);
    expect((await tswitch(['port', 'show', 'inward'])).stdout).toMatch(/^blocked +a loop is behind it; since /m);
    await tswitch(['unplug', 'inward']);
  });

  test('--json prints the body, before or after the command, also of an error', async () => {
    const body = '{"vlans":[{"vlan":10,"ports":[]}]}\n';
    expect((await tswitch(['--json', 'vlan', 'ls'])).stdout).toBe(body);
    expect((await tswitch(['vlan', 'ls', '--json'])).stdout).toBe(body);
    const { code, stdout, stderr } = await tswitch(['port', 'show', 'none', '--json']);
    expect([code, stderr]).toEqual([1, 'tswitch: there is no port none\n']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'PORT_NOT_FOUND' } });
  });

  test('what the daemon refuses is one line', async () => {
    const { code, stdout, stderr } = await tswitch(['plug', 'red', '--ip', '10.0.0.1']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('tswitch: --ip: "10.0.0.1" has no prefix length; write it like 10.0.0.1/24\n');
    const added = await tswitch(['port', 'add', 'red', '--kind', 'veth', '--netns', 'red', '--addresses', '10.0.0.1']);
    expect(added.stderr).toMatch(/^tswitch: addresses: /);
  });

  test('a reader that ends early is no failure', async () => {
    const child = spawn(process.execPath, [MAIN, 'fdb', 'ls', '--socket', socket], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect([code, errors]).toEqual([0, '']);
  });

  test('stats --watch goes on, one document per line with --json', async () => {
    expect((await tswitch(['stats'])).stdout).toMatch(
      /^received {6}7 frames: 2 forwarded, 1 flooded, 4 dropped\n.*\nlogic filter {2}7 frames, 1 decided; NOT_ALLOWED 1; seen 7$/m,
    );
    const child = spawn(process.execPath, [MAIN, 'stats', '--watch', '--json', '--socket', socket]);
    let text = '';
    const lines = new Promise<string[]>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.split('\n').length > 2) resolve(text.split('\n').slice(0, 2));
      });
    });
    const documents = await lines;
    child.kill();
    for (const line of documents) expect(JSON.parse(line)).toHaveProperty('totals');
  });
});
