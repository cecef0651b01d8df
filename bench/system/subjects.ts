/** The subjects there are, in the order of reports. A new one implements `Subject` and joins here. */
import { bareVeth } from './bare-veth.ts';
import { meet } from './hosts.ts';
import { linuxBridge } from './linux-bridge.ts';
import { ovsAfxdp, ovsNetdev } from './ovs.ts';
import type { Bench, Subject } from './subject.ts';
import { testpmdAfPacket, testpmdAfXdp } from './testpmd.ts';
import { type LoadedLogic, tswitch, tswitchWithLogic } from './tswitch.ts';
import { vdeSwitch } from './vde.ts';

export const SUBJECTS: readonly Subject[] = [
  tswitch('veth'),
  tswitch('xdp'),
  tswitch('tap'),
  tswitch('packet'),
  linuxBridge,
  ovsNetdev,
  ovsAfxdp,
  vdeSwitch,
  testpmdAfPacket,
  testpmdAfXdp,
  bareVeth,
];

/** Decides frame by frame; cross-connect, by batch. */
const ALLOW_LIST: LoadedLogic = {
  name: 'mac-allow-list',
  params: (hosts) => ({ allow: hosts.map(({ mac }) => mac) }),
  isShadow: false,
};

/** Run only if named: what logics cost, and what several workers cost and gain. They have all cores but the generator's; of two, that is one. */
export const NAMED_SUBJECTS: readonly Subject[] = [
  tswitch('veth', 2),
  tswitch('veth', 4),
  tswitchWithLogic(ALLOW_LIST),
  tswitchWithLogic({ ...ALLOW_LIST, isShadow: true }),
  tswitchWithLogic({ name: 'cross-connect', params: (_, [a, b]) => ({ pairs: [[a, b]] }), isShadow: false }),
];

/** Why the subject cannot run here, in one line; null if it can. */
export async function whyNot(bench: Bench, subject: Subject): Promise<string | null> {
  const missing = subject.missing();
  if (missing !== null || !subject.mayBeRefused) return missing;
  try {
    await using stack = new AsyncDisposableStack();
    const { hosts } = await subject.setUp(bench, stack, 'pair');
    await meet(hosts, bench.signal);
    return null;
  } catch (error) {
    bench.signal.throwIfAborted();
    return (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s*\n\s*/g, ' | ');
  }
}
