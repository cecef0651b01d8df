/** What processes and the machine use, as the kernel accounts for it. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time of the processes' threads so far, in nanoseconds (/proc/PID/task/TID/schedstat: exact, where utime and stime
 * count ticks of 10 ms). It includes what the kernel did on a thread's back in softirqs, such as delivering its frames,
 * unless the kernel is built with IRQ_TIME_ACCOUNTING.
 */
export function cpuNs(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      total += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return total;
}

/** What `act` costs the processes per unit of what it gives; null where there is no process, as the kernel forwards. */
export async function cpuNsPer(pids: readonly number[], act: () => Promise<number>): Promise<number | null> {
  const before = cpuNs(pids);
  const units = await act();
  return pids.length > 0 && units > 0 ? (cpuNs(pids) - before) / units : null;
}

/** Columns of a line of /proc/stat, which count USER_HZ ticks; that is 100 on every machine Node runs on. */
const SOFTIRQ = 7;
const TICK_NS = 1e7;

/**
 * Time all cores spent in softirqs so far, in nanoseconds: the kernel's receive work, on whoever's back. It is sampled, a
 * tick at a time, so it needs a window of a second at least.
 */
export function softirqNs(): number {
  const [, ...columns] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/);
  return Number(columns[SOFTIRQ - 1]) * TICK_NS;
}

/** Resident memory in bytes (VmRSS of /proc/PID/status). */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmRSS`);
  return Number(kilobytes) * 1024;
}
