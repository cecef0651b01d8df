/** Kind `xdp` on netdevs that were there before: TCP passes, and what was switched off for that is given back. */
import { spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { stop } from '../support/agents.ts';
import { expectBalance, expectTcp, expectUdp, type Host, ip, Lab, runProgram, until } from '../support/lab.ts';

/** What AF_XDP cannot see, of a veth: an unfinished checksum, a super-frame, a tag beside the bytes. */
const INVISIBLE = ['tx-checksum-ip-generic', 'tx-tcp-segmentation', 'tx-vlan-offload'];
const lab = new Lab();
afterEach(() => lab.close());

/** A veth with one end in the host and the other in the namespace of the tests, up. @returns the latter's name */
async function connect(host: Host, address: string): Promise<string> {
  const netdev = lab.netdevName();
  await ip('link', 'add', netdev, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.name);
  await host.run('ip', 'address', 'add', address, 'dev', 'eth0');
  await host.run('ip', 'link', 'set', 'eth0', 'up');
  host.solicitPatiently();
  await ip('link', 'set', netdev, 'up');
  await host.connected();
  return netdev;
}

/** Of those above, the ones that are on. @param ethtool runs it where the netdev is */
async function on(ethtool: (...args: string[]) => Promise<string>, netdev: string): Promise<string[]> {
  const lines = (await ethtool('-k', netdev)).split('\n').map((line) => line.trim());
  return INVISIBLE.filter((feature) => lines.includes(`${feature}: on`));
}

test('TCP and UDP pass between veths that were there before, and a port that tswitch made', async () => {
  const lan = await lab.switch();
  const [a, b, c] = [await lab.netns('a'), await lab.netns('b'), await lab.netns('c')];
  const netdevs = [await connect(a, '10.58.0.1/24'), await connect(b, '10.58.0.2/24')];
  for (const netdev of netdevs) {
    const { xdpMode } = await lan.addPort({ name: netdev, kind: 'xdp', netdev });
    expect(xdpMode).toBe('native');
  }
  await lab.plug(lan, c, 'veth', { addresses: ['10.58.0.3/24'] });
  for (const [from, to, address] of [
    [a, b, '10.58.0.2'],
    [c, a, '10.58.0.1'],
  ] as const) {
    await expectTcp(from, to, address);
    await expectUdp(from, to, address);
  }
  await expectBalance(lan);
});

test.each(['a namespace with a name', 'the namespace of a process', 'the same namespace'])(
  'a veth whose other end is in %s sends nothing unfinished, for as long as the port is there',
  async (place) => {
    const lan = await lab.switch();
    let [netdev, far] = ['', 'eth0'];
    let ethtool = (...args: string[]): Promise<string> => runProgram('ethtool', args);
    if (place === 'the same namespace') [netdev, far] = await lab.vethPair();
    else if (place === 'a namespace with a name') {
      const host = await lab.netns('a');
      netdev = await connect(host, '10.58.0.1/24');
      ethtool = (...args) => host.run('ethtool', ...args);
    } else {
      const child = spawn('unshare', ['--net', 'sleep', 'infinity']);
      lab.defer(() => stop(child));
      ethtool = (...args) => runProgram('nsenter', [`--net=/proc/${child.pid}/ns/net`, 'ethtool', ...args]);
      netdev = lab.netdevName();
      const add = ['link', 'add', netdev, 'type', 'veth', 'peer', 'name', far, 'netns', String(child.pid)];
      // Until unshare(2) has been called, it would be made in the namespace of the tests.
      await until('the process to have a namespace of its own', async () => {
        const [own, its] = await Promise.all(
          ['self', String(child.pid)].map((pid) => runProgram('readlink', [`/proc/${pid}/ns/net`])),
        );
        return own !== its;
      });
      await ip(...add);
    }
    expect(await on(ethtool, far)).toEqual(INVISIBLE);
    await lan.addPort({ name: 'x', kind: 'xdp', netdev });
    expect(await on(ethtool, far)).toEqual([]);
    await lan.removePort('x');
    expect(await on(ethtool, far)).toEqual(INVISIBLE);
  },
);
