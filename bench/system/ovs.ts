/**
 * Open vSwitch's userspace data path (datapath_type=netdev), over AF_PACKET or over AF_XDP. It runs beside any Open vSwitch
 * of this machine: own namespace, database, sockets and folders.
 */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './child.ts';
import { inNetns, missingProgram, onCore, run } from './command.ts';
import { connectByVeth, endOf, makeSite, switchOffTxChecksums } from './hosts.ts';
import { type Bench, type Layout, type Rig, type Subject, TRUNK_VLAN } from './subject.ts';
import { until } from './until.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const LAYOUTS: readonly Layout[] = ['pair', 'trio', 'quad', 'trunk'];
const TX_OFF = '`ethtool -K eth0 tx off` in the hosts, else TCP stalls';

export const ovsNetdev: Subject = {
  name: 'ovs-netdev',
  about: 'Open vSwitch, userspace data path over veths by AF_PACKET',
  help: TX_OFF,
  layouts: LAYOUTS,
  mayBeRefused: false,
  missing,
  setUp: (bench, stack, layout) => setUp(bench, stack, layout, 'system'),
};

export const ovsAfxdp: Subject = {
  name: 'ovs-afxdp',
  about: 'Open vSwitch, userspace data path over veths by AF_XDP; its forwarding thread spins on the switch’s core',
  help: `${TX_OFF}; veths with one queue; pmd-cpu-mask for the switch’s core`,
  layouts: LAYOUTS,
  mayBeRefused: true,
  missing,
  setUp: (bench, stack, layout) => setUp(bench, stack, layout, 'afxdp'),
};

function missing(): string | null {
  const program = missingProgram('ovs-vswitchd', 'ovsdb-server', 'ovs-vsctl', 'ovsdb-tool', 'ethtool');
  if (program) return `${program} is not installed (Debian packages openvswitch-switch and ethtool)`;
  return existsSync(SCHEMA) ? null : `${SCHEMA} is missing`;
}

async function setUp(
  bench: Bench,
  stack: AsyncDisposableStack,
  layout: Layout,
  type: 'system' | 'afxdp',
): Promise<Rig> {
  const site = await makeSite(bench, stack, layout);
  const { hosts, a, b, switchNetns } = site;
  const { daemon, set } = await serve(bench, stack, switchNetns);
  await connectByVeth(site, type === 'afxdp' ? 1 : null);
  await switchOffTxChecksums(hosts);
  // Its forwarding threads choose their cores by themselves, whatever the process was started on.
  const mask = `other_config:pmd-cpu-mask=0x${(2n ** BigInt(bench.switchCore)).toString(16)}`;
  await set('set', 'Open_vSwitch', '.', mask);
  const ports = hosts.flatMap((host) => [
    ...['--', 'add-port', 'br0', endOf(host), ...vlanOf(layout, host === a)],
    ...(type === 'afxdp' ? ['--', 'set', 'interface', endOf(host), 'type=afxdp'] : []),
  ]);
  await set('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', ...ports);
  await assertPortsWork(set);
  const allowAddresses = async (addresses: number): Promise<void> => {
    await set('set', 'bridge', 'br0', `other_config:mac-table-size=${addresses}`);
  };
  return { layout, hosts, a, b, switchPids: [daemon.pid], allowAddresses };
}

function vlanOf(layout: Layout, isTrunk: boolean): string[] {
  if (layout !== 'trunk') return [];
  return [isTrunk ? `trunks=${TRUNK_VLAN}` : `tag=${TRUNK_VLAN}`];
}

type VsctlCall = (...args: string[]) => Promise<string>;

async function serve(
  bench: Bench,
  stack: AsyncDisposableStack,
  switchNetns: string,
): Promise<{ daemon: Child; set: VsctlCall }> {
  const folder = await mkdtemp(join(bench.folder, 'ovs-'));
  const env = { OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder, OVS_SYSCONFDIR: folder };
  const database = join(folder, 'conf.db');
  const socket = join(folder, 'db.sock');
  const vsctl = ['ovs-vsctl', `--db=unix:${socket}`, '--timeout=10'];
  const start = (argv: string[]): Child =>
    stack.use(Child.start(inNetns(switchNetns, onCore(bench.switchCore, argv)), env));

  await run(['ovsdb-tool', 'create', database, SCHEMA], { env });
  const server = start(['ovsdb-server', database, `--remote=punix:${socket}`]);
  await until('ovsdb-server to open its socket', bench.signal, () => {
    server.assertRunning();
    return existsSync(socket);
  });
  await run([...vsctl, '--no-wait', 'init'], { env });
  const daemon = start(['ovs-vswitchd', `unix:${socket}`]);
  return { daemon, set: (...args) => run([...vsctl, ...args], { env, signal: bench.signal }) };
}

/** ovs-vsctl succeeds though an interface could not be opened; the reason then stands in the database. */
async function assertPortsWork(set: VsctlCall): Promise<void> {
  const errors = await set('--bare', '--columns=error', 'find', 'interface', 'error!=""');
  const reason = errors.trim();
  if (reason !== '') throw new Error(`Open vSwitch: ${reason.replaceAll(/\s*\n\s*/g, '; ')}`);
}
