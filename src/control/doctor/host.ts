/**
 * What of the host the switch depends on: the kernel, privileges, devices, and settings that cost speed. Facts are read in
 * one place and judged in another, so that every judgement can be tried without the host that deserves it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, freemem, release } from 'node:os';
import type { TapIo } from '../model.ts';
import { missingCapabilities } from '../plumbing/capabilities.ts';
import { type Finding, onHost } from './finding.ts';

/** What is null could not be read. */
export interface HostFacts {
  /** As uname -r says. */
  kernel: string;
  missingCapabilities: string[];
  cores: number;
  clock: string | null;
  hasTun: boolean;
  /** How the daemon reads and writes TAPs. */
  tapIo: TapIo | null;
  bpfJit: number | null;
  /** Frames that a processor took from no queue because its backlog was full, since boot, over all processors. */
  backlogDrops: number | null;
  /** Most files that this process may open. */
  filesMax: number | null;
  highOrderAllocationOff: number | null;
  freeBytes: number;
}

/** Clocks that are read without entering the kernel: the data path reads one every turn. */
const FAST_CLOCKS = ['tsc', 'kvm-clock', 'hyperv_clocksource_tsc_page', 'arch_sys_counter'];
/** Of a port, with one worker: two rings, two sockets that send, and what keeps its frames from the host's stack. */
const FILES_PER_PORT = 5;
/** For 256 ports and three workers. */
const FILES_ENOUGH = 4096;
/** The rings of a port take 8 MiB; the process itself about 150. */
const MEMORY_ENOUGH = 256 * 1024 * 1024;

/** @param tapIo of the daemon; null: none runs */
export function readHostFacts(tapIo: TapIo | null): HostFacts {
  return {
    kernel: release(),
    missingCapabilities: missingCapabilities(),
    cores: availableParallelism(),
    clock: read('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    hasTun: existsSync('/dev/net/tun'),
    tapIo,
    bpfJit: readNumber('/proc/sys/net/core/bpf_jit_enable'),
    backlogDrops: sumOfColumn(read('/proc/net/softnet_stat'), 1),
    filesMax: filesMaxOf(read('/proc/self/limits')),
    highOrderAllocationOff: readNumber('/proc/sys/net/core/high_order_alloc_disable'),
    freeBytes: freemem(),
  };
}

export function examineHost(facts: HostFacts): Finding[] {
  return [
    kernelFinding(facts.kernel),
    privilegeFinding(facts.missingCapabilities),
    facts.cores > 1
      ? onHost('processors', 'ok', `${facts.cores}`)
      : onHost(
          'processors',
          'slow',
          'there is one: the switch and its hosts take turns on it',
          'give it a second core',
        ),
    clockFinding(facts.clock),
    tapFinding(facts),
    ...settingFindings(facts),
  ];
}

function kernelFinding(kernel: string): Finding {
  if (isAtLeast(kernel, 6, 6)) return onHost('kernel', 'ok', `Linux ${kernel}`);
  if (isAtLeast(kernel, 5, 10)) {
    const lacks = isAtLeast(kernel, 6, 2) ? '' : ' UDP super-frames are cut by their sender;';
    return onHost(
      'kernel',
      'slow',
      `Linux ${kernel} has no tcx links:${lacks} ports of kind packet are refused, and what keeps frames from the host's stack does not end with a daemon that is killed`,
      'use Linux 6.6 or newer where that matters',
    );
  }
  return onHost(
    'kernel',
    'broken',
    `Linux ${kernel} is older than anything tswitch was tried on`,
    'use Linux 6.6 or newer',
  );
}

function privilegeFinding(missing: string[]): Finding {
  if (missing.length === 0) return onHost('privileges', 'ok', 'all capabilities are there');
  const isFatal = missing.some((name) => ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN'].includes(name));
  return onHost(
    'privileges',
    isFatal ? 'broken' : 'off',
    `${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
    'run the daemon as root, or grant its service these capabilities',
  );
}

function clockFinding(clock: string | null): Finding {
  if (clock === null) return onHost('clock', 'unknown', 'the clock source cannot be read');
  if (FAST_CLOCKS.includes(clock)) return onHost('clock', 'ok', clock);
  return onHost(
    'clock',
    'slow',
    `the clock source ${clock} is read by a system call, and every turn of a worker reads it`,
    'see /sys/devices/system/clocksource/clocksource0/available_clocksource for a faster one',
  );
}

function tapFinding({ hasTun, tapIo }: HostFacts): Finding {
  if (!hasTun) return onHost('TAP', 'broken', '/dev/net/tun is missing: ports of kind tap fail', 'run `modprobe tun`');
  if (tapIo !== 'syscalls') return onHost('TAP', 'ok', '/dev/net/tun is there');
  return onHost(
    'TAP',
    'slow',
    'frames of tap ports take a system call each, because the daemon could not use io_uring or was told not to',
    'see its log for the reason (`sysctl kernel.io_uring_disabled=0` is often enough), and start it again',
  );
}

function settingFindings(facts: HostFacts): Finding[] {
  const findings: Finding[] = [];
  const { bpfJit, backlogDrops, filesMax, highOrderAllocationOff, freeBytes } = facts;
  if (bpfJit === 0) {
    const text = 'the kernel interprets BPF programs (the guard of every port, XDP, filters)';
    findings.push(onHost('BPF', 'slow', text, 'run `sysctl net.core.bpf_jit_enable=1`'));
  }
  if (backlogDrops !== null && backlogDrops > 0) {
    const text = `the kernel dropped ${backlogDrops} frames since boot because a processor's backlog was full`;
    findings.push(
      onHost('backlog', 'slow', text, 'run `sysctl net.core.netdev_max_backlog=10000` if the number grows'),
    );
  }
  if (filesMax !== null && filesMax < FILES_ENOUGH) {
    const text = `${filesMax} files may be open: about ${Math.floor(filesMax / FILES_PER_PORT)} ports`;
    findings.push(
      onHost('open files', 'slow', text, 'raise the limit: `LimitNOFILE=65536` in the unit, or `ulimit -n`'),
    );
  }
  if (highOrderAllocationOff === 1) {
    const text = 'the kernel puts super-frames together from single pages';
    findings.push(onHost('memory pages', 'slow', text, 'run `sysctl net.core.high_order_alloc_disable=0`'));
  }
  if (freeBytes < MEMORY_ENOUGH) {
    const text = `${Math.floor(freeBytes / 2 ** 20)} MiB of memory are free; each port takes 8`;
    findings.push(onHost('memory', 'slow', text, 'free some'));
  }
  if (findings.length === 0) findings.push(onHost('settings', 'ok', 'none that hurt'));
  return findings;
}

function isAtLeast(kernel: string, major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return own > major || (own === major && ownMinor >= minor);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return null;
  }
}

function readNumber(path: string): number | null {
  const text = read(path);
  return text === null || text === '' ? null : Number(text);
}

/** Of a table of hexadecimal numbers, a line per processor (net/core/net-procfs.c). */
function sumOfColumn(table: string | null, column: number): number | null {
  if (table === null) return null;
  return table.split('\n').reduce((sum, line) => sum + Number.parseInt(line.trim().split(/\s+/)[column] ?? '0', 16), 0);
}

function filesMaxOf(limits: string | null): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1];
  return soft === undefined ? null : Number(soft);
}
