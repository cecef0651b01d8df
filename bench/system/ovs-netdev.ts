/**
 * Open vSwitch's userspace data path over AF_PACKET (datapath_type=netdev, type=system). It runs beside any Open vSwitch of
 * this machine: own namespace, database, sockets and folders.
 */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './child.ts';
import { inNetns, missingProgram, onCore, run } from './command.ts';
import { connectByVeth, type Host, makeSite } from './hosts.ts';
import type { Subject } from './subject.ts';
import { until } from './until.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export const ovsNetdev: Subject = {
  name: 'ovs-netdev',
  about: 'Open vSwitch, userspace data path over two veths; the hosts get `ethtool -K eth0 tx off`, else TCP stalls',
  unavailable() {
    const missing = missingProgram('ovs-vswitchd', 'ovsdb-server', 'ovs-vsctl', 'ovsdb-tool', 'ethtool');
    if (missing) return `${missing} is not installed (Debian packages openvswitch-switch and ethtool)`;
    return existsSync(SCHEMA) ? null : `${SCHEMA} is missing`;
  },
  async setUp(bench, stack) {
    const { a, b, switchNetns } = await makeSite(bench, stack);
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

    await connectByVeth(a, switchNetns, 'to-a');
    await connectByVeth(b, switchNetns, 'to-b');
    await switchOffTxChecksums(a);
    await switchOffTxChecksums(b);
    const bridge = ['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev'];
    const ports = ['--', 'add-port', 'br0', 'to-a', '--', 'add-port', 'br0', 'to-b'];
    await run([...vsctl, ...bridge, ...ports], { env, signal: bench.signal });
    return { a, b, switchPids: [daemon.pid] };
  },
};

/** Open vSwitch reads frames raw and leaves the checksum that the host left to the hardware unfinished. */
async function switchOffTxChecksums(host: Host): Promise<void> {
  await run(inNetns(host.netns, ['ethtool', '-K', host.ifname, 'tx', 'off']));
}
