/** The life of a daemon as who runs it sees it: signals, reloads, what the service manager is told, what it is permitted. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { CAPABILITIES } from '../../src/control/plumbing/capabilities.ts';
import { isAlive, processId } from '../../src/demo/processes.ts';
import { cliRunner, MAIN } from '../support/cli-runner.ts';
import { Daemon } from '../support/daemon.ts';
import { frame, mac } from '../support/frames.ts';
import { type Host, ip, Lab, netdevExists, runProgram, until } from '../support/lab.ts';
import { NotifySocket } from '../support/notify-socket.ts';
import { NumberedFlows } from '../support/numbered-flows.ts';

const RELOADS = process.env['TSWITCH_LONG'] ? 200 : 20;

const lab = new Lab();
afterEach(() => lab.close());

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-life-`));
  lab.defer(() => rmSync(made, { recursive: true }));
  return made;
}

async function plugged(daemon: Daemon, label: string, ...args: string[]): Promise<Host> {
  const host = await lab.netns(label, { ipv6: false });
  expect(await daemon.tswitch(['plug', host.name, ...args])).toMatchObject({ code: 0, stderr: '' });
  host.solicitPatiently();
  await host.connected();
  return host;
}

describe('SIGHUP', () => {
  test('reads the token file anew, says so, and loses no frame of a flow', async () => {
    const daemon = await Daemon.start(lab);
    const [a, b] = [await plugged(daemon, 'a'), await plugged(daemon, 'b')];
    const [from, to] = [a.wire(), b.wire()];
    to.send(frame({ src: mac(2) }));
    const known = async () => (await daemon.api.get<{ total: number }>(`/v1/fdb?port=${b.name}`)).body.total;
    await until('the receiver to be known', async () => (await known()) === 1);
    const flows = new NumberedFlows(from, to, { flows: 4, perSecond: 2000, ends: [1, 2] });
    lab.defer(() => flows.abandon());
    const reloads = (): number => daemon.stderr.split(' reloaded ').length - 1;
    for (let k = 1; k <= RELOADS; k++) {
      daemon.child.kill('SIGHUP');
      await until('the reload', () => reloads() >= k);
    }
    expect(await flows.stop()).toMatchObject({ lost: 0, twice: 0, outOfOrder: 0 });
    expect(daemon.child.exitCode).toBe(null);
  });

  test('with tokens: a changed file counts, a damaged one is told and trusted no more, and the switch goes on', async () => {
    const file = join(folder(), 'tokens.json');
    const add = ['token', 'add', 'laptop', '--token-file', file];
    expect((await cliRunner('/no/daemon')(add)).code).toBe(0);
    const daemon = await Daemon.start(lab, { args: ['--token-file', file] });
    daemon.child.kill('SIGHUP');
    await until('the reload', () => daemon.stderr.includes(' info  reloaded tokens=unchanged'));
    expect((await cliRunner('/no/daemon')(['token', 'add', 'phone', '--token-file', file])).code).toBe(0);
    expect((await cliRunner('/no/daemon')(['token', 'rm', 'laptop', '--token-file', file])).code).toBe(0);
    daemon.child.kill('SIGHUP');
    await until('what changed', () => daemon.stderr.includes(' info  reloaded tokens="added phone; removed laptop"'));
    writeFileSync(file, 'no tokens');
    daemon.child.kill('SIGHUP');
    await until('the failure', () => /error reload failed part=tokens reason=".*is damaged/.test(daemon.stderr));
    await until('what it came to', () => daemon.stderr.includes(' info  reloaded tokens=failed'));
    expect((await daemon.api.get('/v1/switch')).status).toBe(200);
  });

  test('with a configuration file: applied where it has changed, refused as a whole, and else what the API changed stays', async () => {
    const host = await lab.netns('conf');
    const file = join(folder(), 'lan.yaml');
    const port = (vlan: number) => `  - { name: p, kind: veth, netns: ${host.name}, ifname: eth0, vlan: ${vlan} }`;
    const write = (...vlans: number[]) => writeFileSync(file, ['ports:', ...vlans.map(port), ''].join('\n'));
    const vlan = async () => (await daemon.api.get<{ vlan: number; mac: string }>('/v1/ports/p')).body;
    write(10);
    const daemon = await Daemon.start(lab, { args: ['--config', file] });
    const { mac: address } = await vlan();
    const reloads = (): number => daemon.stderr.split(' reloaded ').length - 1;
    const reload = async (): Promise<void> => {
      const before = reloads();
      daemon.child.kill('SIGHUP');
      await until('the reload', () => reloads() > before);
    };
    write(20);
    await reload();
    expect(await vlan()).toMatchObject({ vlan: 20, mac: address });
    expect(daemon.stderr).toMatch(/info  configuration changed action=".*p.*vlan 10 -> 20"/);
    expect(daemon.stderr).toContain('info  reloaded configuration="1 action"');
    await daemon.api.patch('/v1/ports/p', { vlan: 30 });
    await reload();
    expect(daemon.stderr).toContain('info  reloaded configuration=unchanged');
    expect(await vlan()).toMatchObject({ vlan: 30, mac: address });
    write(4095);
    await reload();
    expect(daemon.stderr).toMatch(/error reload failed part=configuration reason=".*lan\.yaml:2:\d+: \/ports\/0\/vlan/);
    expect(await vlan()).toMatchObject({ vlan: 30, mac: address });
    // Mended to what was applied before: still no change, so the one of the API stays.
    write(20);
    await reload();
    expect(await vlan()).toMatchObject({ vlan: 30 });
    write(40);
    await reload();
    expect(await vlan()).toMatchObject({ vlan: 40, mac: address });
  });

  test('of a terminal that is closed ends the daemon', async () => {
    const command = ['serve', '--ephemeral', '--socket', join(folder(), 'api.sock')];
    const words = [process.execPath, MAIN, ...command].join(' ');
    const host = await lab.netns('terminal');
    const terminal = host.start('script', '-qefc', `exec ${words}`, '/dev/null');
    let said = '';
    terminal.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('the daemon to listen', () => said.includes(' listening on '));
    const [pid = 0] = readFileSync(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8')
      .split(' ')
      .map(Number);
    const daemon = processId(pid);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('serve');
    process.kill(pid, 'SIGHUP');
    await until('the reload', () => said.includes('reloaded'));
    terminal.kill('SIGKILL');
    await until('the daemon to end', () => !isAlive(daemon!));
    expect(existsSync(command.at(-1)!)).toBe(false);
  });
});

test('the service manager is told of readiness, reloads, life and end', async () => {
  const manager = new NotifySocket(`@tswt-${process.pid}-notify`);
  lab.defer(() => manager.close());
  const env = { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: '500000' };
  const daemon = new Daemon(lab, { env });
  await until('readiness', () => manager.states().includes('READY=1'));
  // Ready means that it answers.
  expect((await daemon.api.get('/healthz')).status).toBe(200);
  expect(manager.datagrams()[0]).toBe(`READY=1\nSTATUS=Listening on ${daemon.socket}`);
  await until('life signs', () => manager.lifeSigns() >= 3);
  daemon.child.kill('SIGHUP');
  await until('the reload', () => manager.states().length === 3);
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  expect(manager.states()).toEqual(['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
});

test('JSON logs: every line on standard error is a document', async () => {
  const daemon = await Daemon.start(lab, { args: ['--log-format', 'json', '--log-level', 'debug'] });
  await daemon.api.get('/v1/ports');
  await daemon.api.get('/v1/ports/none?secret=1');
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  const lines = daemon.stderr
    .trimEnd()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'debug', message: 'request', path: '/v1/ports', status: 200 }),
  );
  expect(lines).toContainEqual(expect.objectContaining({ method: 'GET', path: '/v1/ports/none', status: 400 }));
  expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'stopping', signal: 'SIGTERM' });
  expect(daemon.stderr).not.toContain('secret');
});

test('by default a daemon that does its work logs nothing until its end', async () => {
  const daemon = await Daemon.start(lab);
  await plugged(daemon, 'quiet');
  expect(daemon.stderr).toBe('');
});

describe('started as root', () => {
  const NAMES = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs'] as const;

  /** Of each thread, in one line. */
  function privileges(pid: number): Set<string> {
    const statuses = readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'),
    );
    const valueOf = (status: string, name: string) => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status)?.[1];
    return new Set(statuses.map((status) => NAMES.map((name) => `${name}=${valueOf(status, name)}`).join(' ')));
  }

  const kept = CAPABILITIES.reduce((set, { bit }) => set | (1n << BigInt(bit)), 0n);
  const hex = kept.toString(16).padStart(16, '0');
  const none = '0'.repeat(16);

  test('no thread of it, nor what it starts, may do more than it needs', async () => {
    const daemon = await Daemon.start(lab, { args: ['--workers', '2'] });
    const expected = `CapInh=${none} CapPrm=${hex} CapEff=${hex} CapBnd=${hex} CapAmb=${none} NoNewPrivs=1`;
    expect([...privileges(daemon.pid)]).toEqual([expected]);
  });

  test('inherited capabilities are given up too, and the pid stays', async () => {
    const program = ['setpriv', '--inh-caps=+chown,+sys_time', process.execPath, MAIN];
    const daemon = await Daemon.start(lab, { program });
    const inherited = 1n.toString(16).padStart(16, '0');
    expect([...privileges(daemon.pid)]).toEqual([
      `CapInh=${inherited} CapPrm=${hex} CapEff=${hex} CapBnd=${hex} CapAmb=${none} NoNewPrivs=1`,
    ]);
  });

  test('it can still do all that it is for: ports of each kind later on, a namespace of its making, a group', async () => {
    const daemon = await Daemon.start(lab, { args: ['--group', 'daemon', '--listen', '127.0.0.1:0', '--no-auth'] });
    const hosts = [
      await plugged(daemon, 'veth', '--ip', '10.55.0.1/24'),
      await plugged(daemon, 'tap', '--kind', 'tap', '--ip', '10.55.0.2/24'),
      await plugged(daemon, 'xdp', '--kind', 'xdp', '--ip', '10.55.0.3/24'),
    ];
    const [netdev, far] = await lab.vethPair();
    expect(await daemon.tswitch(['port', 'add', 'wire', '--kind', 'packet', '--netdev', netdev])).toMatchObject({
      code: 0,
    });
    expect(netdevExists(far)).toBe(true);
    const made = `tswt-${process.pid}-made`;
    lab.defer(() => existsSync(`/run/netns/${made}`) && ip('netns', 'del', made));
    expect(await daemon.tswitch(['plug', made, '--create', '--ip', '10.55.0.4/24'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    for (const address of ['10.55.0.1', '10.55.0.3', '10.55.0.4']) expect(await hosts[1]!.pings(address)).toBe(true);
    const sleeper = hosts[0]!.start('sleep', '1000');
    await until('sleep to run', () => readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8').startsWith('sleep'));
    const byPid = ['plug', String(sleeper.pid), '--name', 'by-pid', '--ifname', 'eth1'];
    expect(await daemon.tswitch(byPid)).toMatchObject({ code: 0, stderr: '' });
    expect((await daemon.tswitch(['doctor'])).stdout).toMatch(/^host +privileges +ok/m);
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });

  test('a token file of another user can be read', async () => {
    const file = join(folder(), 'tokens.json');
    writeFileSync(file, '{"tokens":[]}');
    chmodSync(file, 0o600);
    await runProgram('chown', ['nobody', file]);
    const daemon = await Daemon.start(lab, { args: ['--token-file', file] });
    expect((await daemon.tswitch(['token', 'add', 'laptop'])).code).toBe(0);
  });
});
