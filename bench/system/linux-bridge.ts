/** The kernel's own bridge, the reference of all ratios. Its work runs on the core of whoever sends. */
import { connectByVeth, endOf, type Host, makeCrowd, makeSite } from './hosts.ts';
import { run } from './command.ts';
import type { Bench, Subject } from './subject.ts';

export const linuxBridge: Subject = {
  name: 'linux-bridge',
  about: 'Linux bridge over veths, without netfilter, STP and snooping',
  help: null,
  // With vlan_filtering it could be a trunk too, but not every kernel has that.
  layouts: ['pair', 'trio', 'quad'],
  mayBeRefused: false,
  missing: () => null,
  async setUp(bench, stack, layout) {
    const site = await makeSite(bench, stack, layout);
    const { hosts, a, b, switchNetns } = site;
    await connectByVeth(site);
    const ip = ['ip', '-n', switchNetns, 'link'];
    await run([...ip, 'add', 'br0', 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0']);
    for (const host of hosts) await run([...ip, 'set', endOf(host), 'master', 'br0']);
    await run([...ip, 'set', 'br0', 'up']);
    return { layout, hosts, a, b, switchPids: [], fill: makeFill(bench, stack, switchNetns, hosts.length) };
  },
};

function makeFill(bench: Bench, stack: AsyncDisposableStack, switchNetns: string, plugged: number) {
  let crowd: Host | null = null;
  let next = plugged;
  return async (ports: number): Promise<Host> => {
    crowd ??= await makeCrowd(bench, stack);
    for (; next < ports; next++) {
      const far = ['peer', 'name', `eth${next}`, 'netns', crowd.netns];
      await run(['ip', '-n', switchNetns, 'link', 'add', `to-${next}`, 'type', 'veth', ...far]);
      await run(['ip', '-n', switchNetns, 'link', 'set', `to-${next}`, 'master', 'br0', 'up']);
      await run(['ip', '-n', crowd.netns, 'link', 'set', `eth${next}`, 'up']);
    }
    return crowd;
  };
}
