/** tswitch as a user runs it: the daemon on a private socket, the hosts plugged in by the command line. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import { inNetns, onCore, run } from './command.ts';
import { type Host, makeSite } from './hosts.ts';
import type { Bench, Rig, Subject } from './subject.ts';

const PROGRAM = [process.execPath, fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))];
export type TswitchKind = 'veth' | 'tap' | 'xdp';

export interface TswitchRig extends Rig {
  /** Plugs further interfaces of host a in, until the switch has so many ports. */
  fill(ports: number): Promise<void>;
}

export function tswitch(kind: TswitchKind, workers = 1): TswitchSubject {
  return new TswitchSubject(kind, workers);
}

export class TswitchSubject implements Subject {
  readonly name: string;
  readonly about: string;
  readonly #kind: TswitchKind;
  readonly #workers: number;

  constructor(kind: TswitchKind, workers: number) {
    this.name = workers === 1 ? `tswitch-${kind}` : `tswitch-${kind}-${workers}w`;
    this.about = `tswitch with two ${kind} ports and ${workers} ${workers === 1 ? 'worker' : 'workers'}, default settings`;
    this.#kind = kind;
    this.#workers = workers;
  }

  unavailable(): null {
    return null;
  }

  async setUp(bench: Bench, stack: AsyncDisposableStack): Promise<TswitchRig> {
    const { a, b, switchNetns } = await makeSite(bench, stack);
    const { daemon, plug } = await this.#serve(bench, stack, switchNetns);
    await plug(a, 0);
    await plug(b, 0);
    let plugged = 2;
    const fill = async (ports: number): Promise<void> => {
      for (; plugged < ports; plugged++) await plug(a, plugged);
    };
    return { a, b, switchPids: [daemon.pid], fill };
  }

  async #serve(bench: Bench, stack: AsyncDisposableStack, switchNetns: string) {
    const socket = join(await mkdtemp(join(bench.folder, 'tswitch-')), 'api.sock');
    const argv = [...PROGRAM, 'serve', '--socket', socket, '--workers', String(this.#workers), '--ephemeral'];
    const daemon = stack.use(Child.start(inNetns(switchNetns, onCore(bench.switchCore, argv))));
    await daemon.printed(/listening on/, bench.signal);
    const plug = async (host: Host, extra: number): Promise<void> => {
      const first = ['--ip', `${host.address}/24`, '--mac', host.mac];
      const further = ['--name', `${host.netns}-${extra}`, '--ifname', `eth${extra}`];
      const what = ['--kind', this.#kind, '--socket', socket, ...(extra === 0 ? first : further)];
      await run([...PROGRAM, 'plug', host.netns, ...what], { signal: bench.signal });
    };
    return { daemon, plug };
  }
}
