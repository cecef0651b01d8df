/** No switch at all: one veth pair between the hosts. The ceiling that generator, receiver and kernel set. */
import { configureHost, makeSite } from './hosts.ts';
import { run } from './command.ts';
import type { Subject } from './subject.ts';

export const bareVeth: Subject = {
  name: 'bare-veth',
  about: 'a veth pair and no switch: the ceiling',
  help: null,
  layouts: ['pair'],
  mayBeRefused: false,
  missing: () => null,
  async setUp(bench, stack, layout) {
    const { hosts, a, b } = await makeSite(bench, stack, layout);
    const far = ['peer', 'name', b.ifname, 'netns', b.netns];
    await run(['ip', '-n', a.netns, 'link', 'add', a.ifname, 'type', 'veth', ...far]);
    await configureHost(a);
    await configureHost(b);
    return { layout, hosts, a, b, switchPids: [] };
  },
};
