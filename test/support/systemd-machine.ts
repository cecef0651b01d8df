/**
 * A real systemd as PID 1, of a machine that is namespaces: with processes, network, mounts and control groups of its own. It
 * starts one unit and what that needs. What it would change of the host lies in memory here (/run, /etc, /var/lib, /var/log) or
 * cannot be written (/proc/sys, but for the network's).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, runProgram, until } from './lab.ts';

const SYSTEMD = '/lib/systemd/systemd';
/** Version 2, alone or beside version 1. */
const CGROUPS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((place) => existsSync(`${place}/cgroup.procs`));

/** Why no such machine can be made here; null: one can. */
export const OBSTACLE =
  CGROUPS === undefined ? 'control groups (version 2) are not mounted' : existsSync(SYSTEMD) ? null : `no ${SYSTEMD}`;

const BOOT = `set -e
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for place in /run /var/lib /var/log; do mount -t tmpfs tmpfs $place; done
mkdir -p /run/etc/upper /run/etc/work /run/systemd
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
cp -r "$1" /run/systemd/system
container=test exec ${SYSTEMD} --system --unit=test.target --log-target=journal --show-status=no </dev/null`;

const TARGET = (unit: string): string =>
  ['[Unit]', 'DefaultDependencies=no', `Wants=systemd-journald.service ${unit}`, ''].join('\n');

export class SystemdMachine {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  /**
   * Boots it, until systemd answers.
   *
   * @param units files by name, below /run/systemd/system; the first is started
   */
  static async boot(lab: Lab, units: Readonly<Record<string, string>>): Promise<SystemdMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'tswitch-systemd-'));
    lab.defer(() => rmSync(folder, { recursive: true }));
    const [unit = ''] = Object.keys(units);
    for (const [name, text] of Object.entries({ ...units, 'test.target': TARGET(unit) })) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const group = join(CGROUPS ?? '', `tswt-${process.pid}`);
    mkdirSync(group);
    lab.defer(() => until('the control groups to go', () => removeGroup(group)));
    const apart = ['--cgroup', '--fork', '--pid', '--mount', '--uts', '--ipc', '--net', '--kill-child'];
    const enter = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"';
    const boot = ['unshare', ...apart, '--propagation', 'private', 'sh', '-c', BOOT, 'sh', folder];
    // It does not outlive the tests, however these end.
    const command = ['--pdeathsig', 'KILL', 'sh', '-c', enter, 'sh', group, ...boot];
    const child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise((resolve) => child.once('close', resolve));
    lab.defer(() => {
      child.kill('SIGKILL');
      return ended;
    });
    const machine = new SystemdMachine(await firstChild(child));
    await until('systemd to answer', async () => {
      if (child.exitCode !== null) throw new Error(`systemd ended: ${said}`);
      return existsSync(`/proc/${machine.#pid}/root/run/systemd/private`);
    });
    return machine;
  }

  /** Runs a program in the machine and gives what it printed. */
  run(...command: string[]): Promise<string> {
    return runProgram('nsenter', [`--target=${this.#pid}`, '--all', '--', ...command]);
  }

  /** A property of a unit, as `systemctl show` has it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', `--property=${name}`, unit)).trim();
  }
}

/** unshare's child, which is PID 1 of the machine. */
async function firstChild({ pid }: ChildProcess): Promise<number> {
  const children = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  await until('PID 1', () => children() !== '');
  return Number(children());
}

/** Processes leave their group some moments after they end. @returns whether it is gone */
function removeGroup(group: string): boolean {
  try {
    for (const { name } of readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
      if (!removeGroup(join(group, name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
