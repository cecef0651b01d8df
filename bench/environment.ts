/** Where and with what a run was made: without it a figure means nothing. Nothing here names the machine or its users. */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, version } from 'node:os';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { VERSION } from '../src/version.ts';
import { missingProgram, run } from './system/command.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CPU = '/sys/devices/system/cpu';
const CLOCK_SOURCE = '/sys/devices/system/clocksource/clocksource0/current_clocksource';

/** What cannot be read here, or is not there, is null. */
export interface Environment {
  date: string;
  kernel: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  /** By name of the vulnerability; those the CPU does not have are left out. */
  mitigations: Record<string, string>;
  /** The hypervisor or container, as systemd-detect-virt names it; `none` on bare metal. */
  virtualisation: string | null;
  /** What the kernel reads the time from. */
  clockSource: string | null;
  /** CONFIG_HZ: ticks of the kernel's timer per second. */
  timerHz: number | null;
  /** As the kernel was built, such as `none (dynamic)`. */
  preemption: string | null;
  /** Whether the time of interrupts is left out of the threads' CPU time (CONFIG_IRQ_TIME_ACCOUNTING). */
  irqTimeAccounting: boolean | null;
  /** Simultaneous multithreading: `on` or `off`. */
  smt: string | null;
  governor: string | null;
  node: string;
  tswitch: string;
  /** Null outside of a git checkout, or before the first commit. */
  commit: string | null;
  /** Whether the checkout differs from the commit. */
  modified: boolean;
  /** Of the other switches and tools that are installed: the first line of what each says. */
  versions: Record<string, string>;
  /** Load average of the last minute when the run began: how busy the machine was with other things. */
  loadBefore: number;
}

/** Programs that a run uses, and how each is asked for its version. */
const PROGRAMS: readonly (readonly string[])[] = [
  ['ovs-vswitchd', '--version'],
  ['vde_switch', '--version'],
  ['dpdk-testpmd', '--version'],
  ['iperf3', '--version'],
  ['netperf', '-V'],
  ['ip', '-V'],
  ['ethtool', '--version'],
];

export async function describeEnvironment(): Promise<Environment> {
  const loadBefore = loadavg()[0]!;
  const commit = await git('rev-parse', 'HEAD');
  const kernelConfig = readKernelConfig();
  const smt = readLine(`${CPU}/smt/active`);
  return {
    date: new Date().toISOString(),
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    mitigations: readMitigations(),
    virtualisation: await detectVirtualisation(),
    clockSource: readLine(CLOCK_SOURCE),
    timerHz: kernelConfig === null ? null : Number(/^CONFIG_HZ=(\d+)$/m.exec(kernelConfig)?.[1] ?? NaN) || null,
    preemption: describePreemption(kernelConfig),
    irqTimeAccounting: kernelConfig === null ? null : /^CONFIG_IRQ_TIME_ACCOUNTING=y$/m.test(kernelConfig),
    smt: smt === null ? null : smt === '1' ? 'on' : 'off',
    governor: readLine(`${CPU}/cpu0/cpufreq/scaling_governor`),
    node: process.version,
    tswitch: VERSION,
    commit,
    modified: commit !== null && (await git('status', '--porcelain')) !== '',
    versions: await readVersions(),
    loadBefore,
  };
}

async function git(...args: string[]): Promise<string | null> {
  try {
    return (await run(['git', '-C', ROOT, ...args])).trim();
  } catch {
    return null;
  }
}

async function readVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const [program = '', ...args] of PROGRAMS) {
    if (missingProgram(program) !== null) continue;
    const line = await firstLineOf([program, ...args]);
    if (line !== null) versions[program] = line;
  }
  return versions;
}

/** Some programs do not know the question and end with an error; then their version stays unknown. */
async function firstLineOf(argv: readonly string[]): Promise<string | null> {
  try {
    return (
      (await run(argv))
        .split('\n')
        .map((line) => line.trim())
        .find((line) => line !== '') ?? null
    );
  } catch {
    return null;
  }
}

/** Such as `kvm`, or `docker in kvm`. */
async function detectVirtualisation(): Promise<string | null> {
  if (missingProgram('systemd-detect-virt') === null) {
    // It fails where there is none.
    const machine = await firstLineOf(['systemd-detect-virt', '--vm']);
    const container = await firstLineOf(['systemd-detect-virt', '--container']);
    return [container, machine].filter((said) => said !== null).join(' in ') || 'none';
  }
  const flags = /^flags\s*:(.*)$/m.exec(readText('/proc/cpuinfo') ?? '')?.[1];
  return flags === undefined ? null : / hypervisor( |$)/.test(flags) ? 'a hypervisor' : 'none';
}

function readKernelConfig(): string | null {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString('latin1');
  } catch {
    return readText(`/boot/config-${release()}`);
  }
}

function describePreemption(kernelConfig: string | null): string | null {
  const model = /^CONFIG_PREEMPT_(NONE|VOLUNTARY|LAZY|RT)=y$/m.exec(kernelConfig ?? '')?.[1]?.toLowerCase();
  const isDynamic = / PREEMPT_DYNAMIC\b/.test(version());
  if (model === undefined) return / PREEMPT\b/.test(version()) ? 'full' : isDynamic ? 'dynamic' : null;
  return isDynamic ? `${model} (dynamic)` : model;
}

function readMitigations(): Record<string, string> {
  const mitigations: Record<string, string> = {};
  const folder = `${CPU}/vulnerabilities`;
  try {
    for (const name of readdirSync(folder)) {
      const state = readText(`${folder}/${name}`)?.trim() ?? 'unknown';
      if (state !== 'Not affected') mitigations[name] = state;
    }
  } catch {
    // Containers may hide the folder; then nothing is known.
  }
  return mitigations;
}

function readLine(path: string): string | null {
  return readText(path)?.trim() ?? null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
