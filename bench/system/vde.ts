/** vde_switch with TAPs, which are moved into the hosts once it holds them open. */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './child.ts';
import { inNetns, missingProgram, onCore, run } from './command.ts';
import { configureHost, endOf, makeSite } from './hosts.ts';
import type { Subject } from './subject.ts';
import { until } from './until.ts';

export const vdeSwitch: Subject = {
  name: 'vde-switch',
  about: 'vde_switch over TAPs',
  help: null,
  layouts: ['pair', 'trio', 'quad'],
  mayBeRefused: false,
  missing: () => (missingProgram('vde_switch') ? 'vde_switch is not installed (Debian package vde2)' : null),
  async setUp(bench, stack, layout) {
    const { hosts, a, b, switchNetns } = await makeSite(bench, stack, layout);
    const folder = await mkdtemp(join(bench.folder, 'vde-'));
    const control = join(folder, 'ctl');
    const argv = ['vde_switch', '-s', control, ...hosts.flatMap((host) => ['-tap', endOf(host)])];
    // Its console is stdin: it ends when that closes, so it is left open.
    const daemon = stack.use(Child.start(inNetns(switchNetns, onCore(bench.switchCore, argv))));
    await until('vde_switch to open its socket', bench.signal, () => {
      daemon.assertRunning();
      return existsSync(join(control, 'ctl'));
    });
    for (const host of hosts) {
      const there = ['netns', host.netns, 'name', host.ifname];
      await run(['ip', '-n', switchNetns, 'link', 'set', endOf(host), ...there]);
      await configureHost(host);
    }
    return { layout, hosts, a, b, switchPids: [daemon.pid] };
  },
};
