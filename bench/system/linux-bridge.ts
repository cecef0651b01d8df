/** The kernel's own bridge, the reference of all ratios. Its work runs on the core of whoever sends. */
import { connectByVeth, makeSite } from './hosts.ts';
import { run } from './command.ts';
import type { Subject } from './subject.ts';

export const linuxBridge: Subject = {
  name: 'linux-bridge',
  about: 'Linux bridge over two veths, without netfilter, STP and snooping',
  unavailable: () => null,
  async setUp(bench, stack) {
    const { a, b, switchNetns } = await makeSite(bench, stack);
    await connectByVeth(a, switchNetns, 'to-a');
    await connectByVeth(b, switchNetns, 'to-b');
    const ip = ['ip', '-n', switchNetns, 'link'];
    await run([...ip, 'add', 'br0', 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0']);
    await run([...ip, 'set', 'to-a', 'master', 'br0']);
    await run([...ip, 'set', 'to-b', 'master', 'br0']);
    await run([...ip, 'set', 'br0', 'up']);
    return { a, b, switchPids: [] };
  },
};
