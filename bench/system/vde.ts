/** vde_switch with two TAPs, which are moved into the hosts once it holds them open. */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from './child.ts';
import { inNetns, missingProgram, onCore, run } from './command.ts';
import { configureHost, type Host, makeSite } from './hosts.ts';
import type { Subject } from './subject.ts';
import { until } from './until.ts';

export const vdeSwitch: Subject = {
  name: 'vde-switch',
  about: 'vde_switch over two TAPs',
  unavailable: () => (missingProgram('vde_switch') ? 'vde_switch is not installed (Debian package vde2)' : null),
  async setUp(bench, stack) {
    const { a, b, switchNetns } = await makeSite(bench, stack);
    const folder = await mkdtemp(join(bench.folder, 'vde-'));
    const control = join(folder, 'ctl');
    const argv = ['vde_switch', '-s', control, '-tap', 'to-a', '-tap', 'to-b'];
    // Its console is stdin: it ends when that closes, so it is left open.
    const daemon = stack.use(Child.start(inNetns(switchNetns, onCore(bench.switchCore, argv))));
    await until('vde_switch to open its socket', bench.signal, () => {
      daemon.assertRunning();
      return existsSync(join(control, 'ctl'));
    });
    await moveTap(switchNetns, 'to-a', a);
    await moveTap(switchNetns, 'to-b', b);
    return { a, b, switchPids: [daemon.pid] };
  },
};

async function moveTap(switchNetns: string, tap: string, host: Host): Promise<void> {
  await run(['ip', '-n', switchNetns, 'link', 'set', tap, 'netns', host.netns, 'name', host.ifname]);
  await configureHost(host);
}
